variable "cluster" {
  description = "Name of the AKS cluster; it must have its OIDC issuer enabled."
  type        = string
}

variable "cluster_group" {
  description = "Resource group of the cluster, where the identity is made."
  type        = string
}

variable "vault_groups" {
  description = "Resource groups of the vaults."
  type        = list(string)
}

variable "disk_groups" {
  description = "Resource groups of the disks; not needed when others assign the rights."
  type        = list(string)
  default     = []
}

variable "snapshot_groups" {
  description = "Resource groups of the snapshots; not needed when others assign the rights."
  type        = list(string)
  default     = []
}

variable "restore_groups" {
  description = "Resource groups for restored disks; without one the operator restores nothing."
  type        = list(string)
  default     = []
}

variable "vault_identities" {
  description = "Ids of user-assigned identities that vaults are to act as."
  type        = list(string)
  default     = []
}

variable "create_roles" {
  description = "Whether to make the custom roles; false where another cluster of the subscription has made them."
  type        = bool
  default     = true
}

variable "mode" {
  description = "managed: the operator makes vaults and their role assignments. preassigned: role assignments are made elsewhere. observe: vaults are managed elsewhere."
  type        = string
  default     = "managed"

  validation {
    condition     = contains(["managed", "preassigned", "observe"], var.mode)
    error_message = "The mode is managed, preassigned or observe."
  }
}

variable "create_snapshot_groups" {
  description = "Whether the operator may make resource groups for snapshots."
  type        = bool
  default     = false
}

variable "identity" {
  description = "Name of the identity."
  type        = string
  default     = "azdiskbackup"
}

variable "namespace" {
  description = "Namespace of the chart."
  type        = string
  default     = "azdiskbackup"
}

variable "service_account" {
  description = "Service account of the chart."
  type        = string
  default     = "azdiskbackup"
}
