// One of the custom roles for the identity at the subscription.
targetScope = 'subscription'

param principalId string
param role string
param condition string = ''

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  // With the principal in it: an identity that is made again has another one, and an assignment cannot change hands.
  name: guid(subscription().id, principalId, role)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', guid(subscription().id, 'azdiskbackup', role))
    condition: empty(condition) ? null : replace(condition, 'PRINCIPAL_ID', principalId)
    conditionVersion: empty(condition) ? null : '2.0'
  }
}
