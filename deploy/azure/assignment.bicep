// One of the custom roles for the identity at a resource group.
param principalId string
param role string
param condition string = ''

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, principalId, role)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', guid(subscription().id, 'azdiskbackup', role))
    condition: empty(condition) ? null : replace(condition, 'PRINCIPAL_ID', principalId)
    conditionVersion: empty(condition) ? null : '2.0'
  }
}
