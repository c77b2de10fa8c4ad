# What azdiskbackup needs in Azure: an identity, its federation with a service account of the cluster, and its roles.
# A module; examples/ calls it.
terraform {
  required_version = ">= 1.5"
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 4.66" # where credentials name their identity by user_assigned_identity_id
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
    for name in ["reader", "protector", "vault-manager", "disk-granter", "snapshot-granter", "snapshot-group-creator", "restorer", "restore-granter", "restored-disk-tagger", "vault-identity-user"] :
    name => jsondecode(file("${path.module}/../roles/${name}.json"))
  }
  conditions = {
    for name in ["disk-granter", "snapshot-granter", "restore-granter"] :
    name => replace(file("${path.module}/../roles/${name}.condition"), "PRINCIPAL_ID", azurerm_user_assigned_identity.operator.principal_id)
  }
  grants = var.mode != "preassigned"
  # A name is unique in the whole tenant.
  names = { for name, each in local.definitions : name => replace(each.Name, "SUBSCRIPTION_ID", data.azurerm_subscription.current.subscription_id) }
  # Another cluster of the subscription may have made them.
  role_ids = {
    for name in keys(local.definitions) : name => (
      var.create_roles ? azurerm_role_definition.this[name].role_definition_resource_id : data.azurerm_role_definition.this[name].id
    )
  }
  # Scope and role of each assignment.
  assignments = concat(
    [{ role = "reader", scope = local.subscription }],
    [for group in var.vault_groups : { role = "protector", scope = "${local.subscription}/resourceGroups/${group}" }],
    [for group in var.vault_groups : { role = "vault-manager", scope = "${local.subscription}/resourceGroups/${group}" } if var.mode != "observe"],
    # Restored disks are to be protected, too.
    [for group in distinct(concat(var.disk_groups, var.restore_groups)) : { role = "disk-granter", scope = "${local.subscription}/resourceGroups/${group}" } if local.grants],
    [for group in var.snapshot_groups : { role = "snapshot-granter", scope = "${local.subscription}/resourceGroups/${group}" } if local.grants],
    [for name in ["snapshot-group-creator"] : { role = name, scope = local.subscription } if var.create_snapshot_groups],
    [for name in ["snapshot-granter"] : { role = name, scope = local.subscription } if var.create_snapshot_groups && local.grants],
    [for group in var.vault_groups : { role = "restorer", scope = "${local.subscription}/resourceGroups/${group}" } if length(var.restore_groups) > 0],
    [for group in var.restore_groups : { role = "restore-granter", scope = "${local.subscription}/resourceGroups/${group}" } if local.grants],
    [for group in var.restore_groups : { role = "restored-disk-tagger", scope = "${local.subscription}/resourceGroups/${group}" }],
    [for id in var.vault_identities : { role = "vault-identity-user", scope = id }],
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
  for_each          = { for name, each in local.definitions : name => each if var.create_roles }
  name              = local.names[each.key]
  description       = each.value.Description
  scope             = local.subscription
  assignable_scopes = [local.subscription]

  permissions {
    actions = each.value.Actions
  }
}

data "azurerm_role_definition" "this" {
  for_each = { for name, each in local.definitions : name => each if !var.create_roles }
  name     = local.names[each.key]
  scope    = local.subscription
}

resource "azurerm_role_assignment" "this" {
  for_each           = { for each in local.assignments : "${each.role} ${each.scope}" => each }
  scope              = each.value.scope
  role_definition_id = local.role_ids[each.value.role]
  principal_id       = azurerm_user_assigned_identity.operator.principal_id
  principal_type     = "ServicePrincipal"
  condition          = lookup(local.conditions, each.value.role, null)
  condition_version  = contains(keys(local.conditions), each.value.role) ? "2.0" : null
}
