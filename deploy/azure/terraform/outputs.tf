output "values" {
  description = "Values for the chart."
  value = {
    azure = {
      subscriptionID = data.azurerm_subscription.current.subscription_id
      clientID       = azurerm_user_assigned_identity.operator.client_id
      tenantID       = azurerm_user_assigned_identity.operator.tenant_id
    }
  }
}
