# terraform init && terraform apply -var subscription_id="$(az account show --query id --output tsv)"
# terraform output -json values > values.json, which Helm takes as it is: helm upgrade --install … --values values.json
variable "subscription_id" {
  description = "Subscription of the cluster, of the disks and of the vaults."
  type        = string
}

provider "azurerm" {
  subscription_id = var.subscription_id
  features {}
}

module "azdiskbackup" {
  source          = "../"
  cluster         = "my-aks"
  cluster_group   = "my-aks-rg"
  vault_groups    = ["backup-rg"]
  disk_groups     = ["MC_my-aks-rg_my-aks_westeurope"]
  snapshot_groups = ["snapshots-rg"]
}

output "values" {
  value = module.azdiskbackup.values
}
