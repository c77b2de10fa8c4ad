// What azdiskbackup needs in Azure: an identity, its federation with a service account of the cluster, and its roles.
//   az deployment sub create --location westeurope --template-file deploy/azure/main.bicep --parameters \
//     clusterGroup=my-aks-rg issuer="$(az aks show -g my-aks-rg -n my-aks --query oidcIssuerProfile.issuerUrl -o tsv)" \
//     vaultGroups="['backup-rg']" disksAndSnapshotsGroups="['MC_my-aks','snapshots-rg']"
targetScope = 'subscription'

@description('Resource group of the AKS cluster, where the identity is made.')
param clusterGroup string

@description('URL of the cluster\'s issuer of tokens.')
param issuer string

@description('Resource groups of the vaults.')
param vaultGroups array

@description('Resource groups of disks and of snapshots; not needed when others assign the rights.')
param disksAndSnapshotsGroups array = []

@description('managed: the operator makes vaults and gives them their rights. preassigned: others give them. observe: vaults are run elsewhere.')
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
  granter: loadJsonContent('roles/granter.json')
  'snapshot-group-creator': loadJsonContent('roles/snapshot-group-creator.json')
}
var condition = loadTextContent('roles/granter.condition')
var grants = mode != 'preassigned'
var managedGroups = mode == 'observe' ? [] : vaultGroups
var grantedGroups = grants ? disksAndSnapshotsGroups : []

resource roles 'Microsoft.Authorization/roleDefinitions@2022-04-01' = [for definition in items(definitions): {
  name: guid(subscription().id, 'azdiskbackup', definition.key)
  properties: {
    roleName: definition.value.Name
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
    issuer: issuer
    subject: 'system:serviceaccount:${serviceAccount}'
  }
}

resource reads 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(subscription().id, identityName, 'reader')
  properties: {
    principalId: identity.outputs.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', guid(subscription().id, 'azdiskbackup', 'reader'))
  }
  dependsOn: [
    roles
  ]
}

resource creates 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (createSnapshotGroups) {
  name: guid(subscription().id, identityName, 'snapshot-group-creator')
  properties: {
    principalId: identity.outputs.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', guid(subscription().id, 'azdiskbackup', 'snapshot-group-creator'))
  }
  dependsOn: [
    roles
  ]
}

resource grantsInNewGroups 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (createSnapshotGroups && grants) {
  name: guid(subscription().id, identityName, 'granter')
  properties: {
    principalId: identity.outputs.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', guid(subscription().id, 'azdiskbackup', 'granter'))
    condition: condition
    conditionVersion: '2.0'
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

module grant 'assignment.bicep' = [for group in grantedGroups: {
  name: 'azdiskbackup-granter-${uniqueString(group)}'
  scope: resourceGroup(group)
  params: {
    principalId: identity.outputs.principalId
    role: 'granter'
    condition: condition
  }
  dependsOn: [
    roles
  ]
}]

output subscriptionID string = subscription().subscriptionId
output clientID string = identity.outputs.clientId
output tenantID string = tenant().tenantId
