#!/usr/bin/env bash
# Makes what azdiskbackup needs in Azure: an identity, its federation with a service account of the cluster, and the
# custom roles that it acts with. Can be run again at any time: what is there is kept or brought up to date.
#
#   deploy/azure/setup.sh --cluster my-aks --cluster-group my-aks-rg --vault-group backup-rg --disk-group MC_… \
#       --snapshot-group snapshots-rg
#
# Ends by printing the values for the chart. Needs the az CLI, logged in and allowed to create identities, role
# definitions and role assignments (Owner, or User Access Administrator beside Contributor).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
  cat <<'USAGE'
usage: setup.sh --cluster NAME --cluster-group GROUP --vault-group GROUP --disk-group GROUP --snapshot-group GROUP
                [--mode managed|preassigned|observe] [--create-snapshot-groups] [--restore-group GROUP]
                [--vault-identity ID] [--subscription ID] [--identity NAME] [--location REGION] [--namespace NAME]
                [--service-account NAME]

  --cluster, --cluster-group   the AKS cluster
  --vault-group                resource group of the vaults; repeatable
  --disk-group                 resource group of the disks, usually the node resource group; repeatable
  --snapshot-group             resource group of the snapshots; repeatable
  --mode                       managed: the operator makes vaults and their role assignments (default)
                               preassigned: it makes vaults; role assignments are made elsewhere
                               observe: vaults are managed elsewhere, and it only uses them
  --create-snapshot-groups     the operator may make resource groups (a vault says create: true)
  --restore-group              resource group for restored disks, which must exist; repeatable. Without one the operator
                               restores nothing
  --vault-identity             resource id of a user-assigned identity that a vault is to act as; repeatable
  --subscription               subscription of these groups (default: the one that az uses, where the cluster is);
                               run it once for each that has vaults or disks
  --identity                   name of the managed identity, made in the cluster's group (default: azdiskbackup)
  --location                   region of the identity (default: the cluster's)
  --namespace, --service-account   where the chart is installed (default: azdiskbackup, azdiskbackup)
USAGE
}

cluster='' cluster_group='' mode=managed identity=azdiskbackup location='' create_groups=false
namespace=azdiskbackup service_account=azdiskbackup subscription=''
vault_groups=() disk_groups=() snapshot_groups=() restore_groups=() vault_identities=()
while [ $# -gt 0 ]; do
  case "$1" in
    --help | -h) usage; exit 0 ;;
    --create-snapshot-groups) create_groups=true; shift; continue ;;
    --*) [ $# -gt 1 ] || { echo "setup.sh: $1 needs a value" >&2; exit 2; } ;;
  esac
  case "$1" in
    --cluster) cluster=$2 ;;
    --cluster-group) cluster_group=$2 ;;
    --vault-group) vault_groups+=("$2") ;;
    --disk-group) disk_groups+=("$2") ;;
    --snapshot-group) snapshot_groups+=("$2") ;;
    --restore-group) restore_groups+=("$2") ;;
    --vault-identity) vault_identities+=("$2") ;;
    --subscription) subscription=$2 ;;
    --mode) mode=$2 ;;
    --identity) identity=$2 ;;
    --location) location=$2 ;;
    --namespace) namespace=$2 ;;
    --service-account) service_account=$2 ;;
    *) echo "setup.sh: unknown argument $1" >&2; usage >&2; exit 2 ;;
  esac
  shift 2
done

fail() { echo "setup.sh: $1" >&2; exit 2; }
[ -n "$cluster" ] && [ -n "$cluster_group" ] || fail "name the cluster with --cluster and --cluster-group"
[ ${#vault_groups[@]} -gt 0 ] || [ -n "$subscription" ] || fail "name the resource group of the vaults with --vault-group"
case "$mode" in managed | preassigned | observe) ;; *) fail "--mode is managed, preassigned or observe, not $mode" ;; esac
if [ "$mode" != preassigned ] && { [ ${#disk_groups[@]} -eq 0 ] || [ ${#snapshot_groups[@]} -eq 0 ]; }; then
  fail "name the resource groups of disks and snapshots with --disk-group and --snapshot-group"
fi

say() { echo "== $1"; }

home=$(az account show --query id --output tsv)
[ -n "$subscription" ] || subscription=$home
tenant=$(az account show --query tenantId --output tsv)

say "The cluster's issuer of tokens"
issuer=$(az aks show --resource-group "$cluster_group" --name "$cluster" --query oidcIssuerProfile.issuerUrl --output tsv)
if [ -z "$issuer" ] || [ "$issuer" = None ]; then
  fail "the cluster issues no tokens for workload identity yet: az aks update --resource-group $cluster_group \
--name $cluster --enable-oidc-issuer --enable-workload-identity"
fi
[ -n "$location" ] || location=$(az aks show --resource-group "$cluster_group" --name "$cluster" --query location --output tsv)

say "The identity $identity, and its federation with $namespace/$service_account"
az identity create --resource-group "$cluster_group" --name "$identity" --location "$location" --output none
client=$(az identity show --resource-group "$cluster_group" --name "$identity" --query clientId --output tsv)
principal=$(az identity show --resource-group "$cluster_group" --name "$identity" --query principalId --output tsv)
az identity federated-credential create --resource-group "$cluster_group" --identity-name "$identity" \
  --name "$cluster" --issuer "$issuer" --subject "system:serviceaccount:$namespace:$service_account" \
  --audiences api://AzureADTokenExchange --output none

# A name is unique in the whole tenant, so each has the subscription in it.
role_name() { sed -n "s/SUBSCRIPTION_ID/$subscription/; s/^ *\"Name\": \"\(.*\)\",\$/\1/p" "$here/roles/$1.json"; }

role_id() {
  az role definition list --custom-role-only true --name "$(role_name "$1")" --scope "/subscriptions/$subscription" \
    --query '[0].id' --output tsv
}

# role NAME: make the custom role of roles/NAME.json, or bring it up to date.
role() {
  local definition tries=0
  definition=$(sed "s/SUBSCRIPTION_ID/$subscription/g" "$here/roles/$1.json")
  if [ -n "$(role_id "$1")" ]; then
    az role definition update --role-definition "$definition" --output none
    return
  fi
  az role definition create --role-definition "$definition" --output none
  # Azure lists a new one only after a while.
  until [ -n "$(role_id "$1")" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 24 ] || { echo "setup.sh: the role $1 was made and is not listed: run this again" >&2; exit 1; }
    sleep 5
  done
}

# assign NAME SCOPE: give the identity a role at a scope, with the condition that belongs to the role.
assign() {
  local more=()
  if [ -f "$here/roles/$1.condition" ]; then
    more=(--condition "$(sed "s/PRINCIPAL_ID/$principal/" "$here/roles/$1.condition")" --condition-version 2.0)
  fi
  # An old bash takes an empty list for an unset variable.
  az role assignment create --assignee-object-id "$principal" --assignee-principal-type ServicePrincipal \
    --role "$(role_id "$1")" --scope "$2" ${more[@]+"${more[@]}"} --output none
}

group_id() { echo "/subscriptions/$subscription/resourceGroups/$1"; }

say "What it may do ($mode)"
role reader
assign reader "/subscriptions/$subscription"
role protector
[ "$mode" = observe ] || role vault-manager
for group in ${vault_groups[@]+"${vault_groups[@]}"}; do
  assign protector "$(group_id "$group")"
  [ "$mode" = observe ] || assign vault-manager "$(group_id "$group")"
done
if [ "$mode" != preassigned ]; then
  role disk-granter
  # Restored disks are to be protected, too.
  for group in "${disk_groups[@]}" ${restore_groups[@]+"${restore_groups[@]}"}; do
    assign disk-granter "$(group_id "$group")"
  done
  role snapshot-granter
  for group in "${snapshot_groups[@]}"; do assign snapshot-granter "$(group_id "$group")"; done
fi
if [ "$create_groups" = true ]; then
  role snapshot-group-creator
  assign snapshot-group-creator "/subscriptions/$subscription"
  # In a group that is not there yet, nothing can be assigned.
  [ "$mode" = preassigned ] || assign snapshot-granter "/subscriptions/$subscription"
fi
if [ ${#restore_groups[@]} -gt 0 ]; then
  role restorer
  for group in ${vault_groups[@]+"${vault_groups[@]}"}; do assign restorer "$(group_id "$group")"; done
  role restored-disk-tagger
  [ "$mode" = preassigned ] || role restore-granter
  for group in "${restore_groups[@]}"; do
    assign restored-disk-tagger "$(group_id "$group")"
    [ "$mode" = preassigned ] || assign restore-granter "$(group_id "$group")"
  done
fi
if [ ${#vault_identities[@]} -gt 0 ]; then
  role vault-identity-user
  for id in "${vault_identities[@]}"; do assign vault-identity-user "$id"; done
fi

cat <<VALUES

Done. No image is published yet: build it and push it to a registry that your nodes can pull from (docs/install.md), and
name that one. Then install the chart; it waits for the role assignments, which take minutes to work:

helm upgrade --install azdiskbackup charts/azdiskbackup --namespace $namespace --create-namespace \\
  --set image.registry=REGISTRY \\
  --set azure.subscriptionID=$home \\
  --set azure.clientID=$client \\
  --set azure.tenantID=$tenant \\
  --set preflight.waitSeconds=2100 --wait --timeout 45m
VALUES
