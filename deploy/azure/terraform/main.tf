# What azdiskbackup needs in Azure: an identity, its federation with a service account of the cluster, and its roles.
terraform {
  required_version = ">= 1.5"
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 4.0"
    }
  }
}

data "azurerm_subscription" "current" {}

data "azurerm_kubernetes_cluster" "this" {
  name                = var.cluster
  resource_group_name = var.cluster_group
}

locals {
  subscription = data.azurerm_subscription.current.id
  definitions = {
    for name in ["reader", "protector", "vault-manager", "granter", "snapshot-group-creator"] :
    name => jsondecode(file("${path.module}/../roles/${name}.json"))
  }
  condition = file("${path.module}/../roles/granter.condition")
  grants    = var.mode != "preassigned"
  # Scope and role of each assignment.
  assignments = concat(
    [{ role = "reader", scope = local.subscription }],
    [for group in var.vault_groups : { role = "protector", scope = "${local.subscription}/resourceGroups/${group}" }],
    [for group in var.vault_groups : { role = "vault-manager", scope = "${local.subscription}/resourceGroups/${group}" } if var.mode != "observe"],
    [for group in var.disk_and_snapshot_groups : { role = "granter", scope = "${local.subscription}/resourceGroups/${group}" } if local.grants],
    [for name in ["snapshot-group-creator"] : { role = name, scope = local.subscription } if var.create_snapshot_groups],
    [for name in ["granter"] : { role = name, scope = local.subscription } if var.create_snapshot_groups && local.grants],
  )
}

resource "azurerm_user_assigned_identity" "operator" {
  name                = var.identity
  resource_group_name = var.cluster_group
  location            = data.azurerm_kubernetes_cluster.this.location
}

resource "azurerm_federated_identity_credential" "operator" {
  name                      = var.cluster
  user_assigned_identity_id = azurerm_user_assigned_identity.operator.id
  issuer                    = data.azurerm_kubernetes_cluster.this.oidc_issuer_url
  subject                   = "system:serviceaccount:${var.namespace}:${var.service_account}"
  audience                  = ["api://AzureADTokenExchange"]
}

resource "azurerm_role_definition" "this" {
  for_each          = local.definitions
  name              = each.value.Name
  description       = each.value.Description
  scope             = local.subscription
  assignable_scopes = [local.subscription]

  permissions {
    actions = each.value.Actions
  }
}

resource "azurerm_role_assignment" "this" {
  for_each           = { for each in local.assignments : "${each.role} ${each.scope}" => each }
  scope              = each.value.scope
  role_definition_id = azurerm_role_definition.this[each.value.role].role_definition_resource_id
  principal_id       = azurerm_user_assigned_identity.operator.principal_id
  principal_type     = "ServicePrincipal"
  condition          = each.value.role == "granter" ? local.condition : null
  condition_version  = each.value.role == "granter" ? "2.0" : null
}
