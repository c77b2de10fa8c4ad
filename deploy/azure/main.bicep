// What azdiskbackup needs in Azure: an identity, its federation with a service account of the cluster, and its roles.
//   az deployment sub create --location westeurope --template-file deploy/azure/main.bicep --parameters \
//     cluster=my-aks clusterGroup=my-aks-rg issuer="$(az aks show -g my-aks-rg -n my-aks --query oidcIssuerProfile.issuerUrl -o tsv)" \
//     vaultGroups="['backup-rg']" diskGroups="['MC_my-aks']" snapshotGroups="['snapshots-rg']"
// Names of roles are unique in a tenant: use one of setup.sh, Bicep and Terraform in a subscription.
targetScope = 'subscription'

@description('Name of the AKS cluster.')
param cluster string

@description('Resource group of the AKS cluster, where the identity is made.')
param clusterGroup string

@description('URL of the cluster\'s issuer of tokens.')
param issuer string

@description('Resource groups of the vaults.')
param vaultGroups array

@description('Resource groups of the disks; not needed when others assign the rights.')
param diskGroups array = []

@description('Resource groups of the snapshots; not needed when others assign the rights.')
param snapshotGroups array = []

@description('Resource groups for restored disks; without one the operator restores nothing.')
param restoreGroups array = []

@description('Resource groups of user-assigned identities that vaults are to act as.')
param vaultIdentityGroups array = []

@description('managed: the operator makes vaults and their role assignments. preassigned: role assignments are made elsewhere. observe: vaults are managed elsewhere.')
@allowed(['managed', 'preassigned', 'observe'])
param mode string = 'managed'

@description('Whether the operator may make resource groups for snapshots.')
param createSnapshotGroups bool = false

@description('Name of the identity.')
param identityName string = 'azdiskbackup'

@description('Namespace and service account of the chart.')
param serviceAccount string = 'azdiskbackup:azdiskbackup'

var definitions = {
  reader: loadJsonContent('roles/reader.json')
  protector: loadJsonContent('roles/protector.json')
  'vault-manager': loadJsonContent('roles/vault-manager.json')
  'disk-granter': loadJsonContent('roles/disk-granter.json')
  'snapshot-granter': loadJsonContent('roles/snapshot-granter.json')
  restorer: loadJsonContent('roles/restorer.json')
  'restore-granter': loadJsonContent('roles/restore-granter.json')
  'restored-disk-tagger': loadJsonContent('roles/restored-disk-tagger.json')
  'snapshot-group-creator': loadJsonContent('roles/snapshot-group-creator.json')
  'vault-identity-user': loadJsonContent('roles/vault-identity-user.json')
}
var diskCondition = loadTextContent('roles/disk-granter.condition')
var snapshotCondition = loadTextContent('roles/snapshot-granter.condition')
var restoreCondition = loadTextContent('roles/restore-granter.condition')
var grants = mode != 'preassigned'
var managedGroups = mode == 'observe' ? [] : vaultGroups

resource roles 'Microsoft.Authorization/roleDefinitions@2022-04-01' = [for definition in items(definitions): {
  name: guid(subscription().id, 'azdiskbackup', definition.key)
  properties: {
    // A name is unique in the whole tenant.
    roleName: replace(definition.value.Name, 'SUBSCRIPTION_ID', subscription().subscriptionId)
    description: definition.value.Description
    type: 'CustomRole'
    permissions: [
      {
        actions: definition.value.Actions
        notActions: []
      }
    ]
    assignableScopes: [
      subscription().id
    ]
  }
}]

module identity 'identity.bicep' = {
  name: 'azdiskbackup-identity'
  scope: resourceGroup(clusterGroup)
  params: {
    name: identityName
    credential: cluster
    issuer: issuer
    subject: 'system:serviceaccount:${serviceAccount}'
  }
}

module reads 'subscription-assignment.bicep' = {
  name: 'azdiskbackup-reader-${uniqueString(clusterGroup, identityName)}'
  params: {
    principalId: identity.outputs.principalId
    role: 'reader'
  }
  dependsOn: [
    roles
  ]
}

module creates 'subscription-assignment.bicep' = if (createSnapshotGroups) {
  name: 'azdiskbackup-snapshot-group-creator-${uniqueString(clusterGroup, identityName)}'
  params: {
    principalId: identity.outputs.principalId
    role: 'snapshot-group-creator'
  }
  dependsOn: [
    roles
  ]
}

module grantsInNewGroups 'subscription-assignment.bicep' = if (createSnapshotGroups && grants) {
  name: 'azdiskbackup-snapshot-granter-${uniqueString(clusterGroup, identityName)}'
  params: {
    principalId: identity.outputs.principalId
    role: 'snapshot-granter'
    condition: snapshotCondition
  }
  dependsOn: [
    roles
  ]
}

module protects 'assignment.bicep' = [for group in vaultGroups: {
  name: 'azdiskbackup-protector-${uniqueString(group)}'
  scope: resourceGroup(group)
  params: {
    principalId: identity.outputs.principalId
    role: 'protector'
  }
  dependsOn: [
    roles
  ]
}]

module manage 'assignment.bicep' = [for group in managedGroups: {
  name: 'azdiskbackup-vaults-${uniqueString(group)}'
  scope: resourceGroup(group)
  params: {
    principalId: identity.outputs.principalId
    role: 'vault-manager'
  }
  dependsOn: [
    roles
  ]
}]

// Restored disks are to be protected, too.
module grantsOnDisks 'assignment.bicep' = [for group in grants ? union(diskGroups, restoreGroups) : []: {
  name: 'azdiskbackup-disk-granter-${uniqueString(group)}'
  scope: resourceGroup(group)
  params: {
    principalId: identity.outputs.principalId
    role: 'disk-granter'
    condition: diskCondition
  }
  dependsOn: [
    roles
  ]
}]

module grantsOnSnapshots 'assignment.bicep' = [for group in grants ? snapshotGroups : []: {
  name: 'azdiskbackup-snapshot-granter-${uniqueString(group)}'
  scope: resourceGroup(group)
  params: {
    principalId: identity.outputs.principalId
    role: 'snapshot-granter'
    condition: snapshotCondition
  }
  dependsOn: [
    roles
  ]
}]

module restores 'assignment.bicep' = [for group in empty(restoreGroups) ? [] : vaultGroups: {
  name: 'azdiskbackup-restorer-${uniqueString(group)}'
  scope: resourceGroup(group)
  params: {
    principalId: identity.outputs.principalId
    role: 'restorer'
  }
  dependsOn: [
    roles
  ]
}]

module grantsOnRestored 'assignment.bicep' = [for group in grants ? restoreGroups : []: {
  name: 'azdiskbackup-restore-granter-${uniqueString(group)}'
  scope: resourceGroup(group)
  params: {
    principalId: identity.outputs.principalId
    role: 'restore-granter'
    condition: restoreCondition
  }
  dependsOn: [
    roles
  ]
}]

module tagsRestored 'assignment.bicep' = [for group in restoreGroups: {
  name: 'azdiskbackup-restored-disk-tagger-${uniqueString(group)}'
  scope: resourceGroup(group)
  params: {
    principalId: identity.outputs.principalId
    role: 'restored-disk-tagger'
  }
  dependsOn: [
    roles
  ]
}]

module usesIdentities 'assignment.bicep' = [for group in vaultIdentityGroups: {
  name: 'azdiskbackup-vault-identity-user-${uniqueString(group)}'
  scope: resourceGroup(group)
  params: {
    principalId: identity.outputs.principalId
    role: 'vault-identity-user'
  }
  dependsOn: [
    roles
  ]
}]

output subscriptionID string = subscription().subscriptionId
output clientID string = identity.outputs.clientId
output tenantID string = tenant().tenantId
