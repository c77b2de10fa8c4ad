{{- define "azdiskbackup.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "azdiskbackup.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "azdiskbackup.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What selects our pods; labels from the values cannot replace these (validation.yaml). */}}
{{- define "azdiskbackup.selectorLabels" -}}
app.kubernetes.io/name: {{ include "azdiskbackup.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "azdiskbackup.labels" -}}
{{ include "azdiskbackup.ownLabels" . | fromYaml | mergeOverwrite (deepCopy .Values.commonLabels) | toYaml }}
{{- end -}}

{{- define "azdiskbackup.ownLabels" -}}
{{ include "azdiskbackup.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
app.kubernetes.io/part-of: azdiskbackup
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" | quote }}
{{- end -}}

{{/* Those of a pod: (dict "root" $ "component" name "more" labels). The selector's win, then the nearer ones. */}}
{{- define "azdiskbackup.podLabels" -}}
{{- $component := dict "app.kubernetes.io/component" .component -}}
{{ mergeOverwrite (deepCopy .root.Values.commonLabels) (deepCopy .more) (include "azdiskbackup.ownLabels" .root | fromYaml) $component | toYaml }}
{{- end -}}

{{- define "azdiskbackup.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "azdiskbackup.fullname" .) -}}
{{- end -}}

{{- define "azdiskbackup.image" -}}
{{- with .Values.image.registry }}{{ . }}/{{ end -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- with .Values.image.digest }}@{{ . }}{{ end -}}
{{- end -}}

{{/* The label by which the workload identity webhook finds the pods. */}}
{{- define "azdiskbackup.identityLabels" -}}
{{- if eq .Values.azure.identity "WorkloadIdentity" -}}
azure.workload.identity/use: "true"
{{- end -}}
{{- end -}}

{{- define "azdiskbackup.serviceAccountAnnotations" -}}
{{- $ours := dict -}}
{{- if eq .Values.azure.identity "WorkloadIdentity" -}}
{{- $ours = dict "client-id" .Values.azure.clientID "service-account-token-expiration" (toString .Values.azure.tokenExpirationSeconds) -}}
{{- with .Values.azure.tenantID -}}{{- $ours = set $ours "tenant-id" . -}}{{- end -}}
{{- end -}}
{{- $all := deepCopy .Values.serviceAccount.annotations -}}
{{- range $key, $value := $ours -}}{{- $all = set $all (printf "azure.workload.identity/%s" $key) $value -}}{{- end -}}
{{- with $all -}}{{ toYaml . }}{{- end -}}
{{- end -}}

{{/* Whether the chart projects the federated token itself. Names and paths are the webhook's, which finds it done. */}}
{{- define "azdiskbackup.projectsToken" -}}
{{- if and (eq .Values.azure.identity "WorkloadIdentity") .Values.azure.tenantID -}}true{{- end -}}
{{- end -}}

{{/* What every process of ours needs to reach Azure. */}}
{{- define "azdiskbackup.azureEnv" -}}
- name: AZDISKBACKUP_SUBSCRIPTION_ID
  value: {{ .Values.azure.subscriptionID | quote }}
- name: AZDISKBACKUP_CLOUD
  value: {{ .Values.azure.cloud | quote }}
- name: AZDISKBACKUP_IDENTITY
  value: {{ .Values.azure.identity | quote }}
- name: AZURE_CLIENT_ID
  value: {{ .Values.azure.clientID | quote }}
{{- with .Values.azure.resourceManagerEndpoint }}
- name: AZDISKBACKUP_RESOURCE_MANAGER_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- with .Values.azure.resourceManagerAudience }}
- name: AZDISKBACKUP_RESOURCE_MANAGER_AUDIENCE
  value: {{ . | quote }}
{{- end }}
{{- with .Values.azure.authorityHost }}
- name: AZDISKBACKUP_AUTHORITY_HOST
  value: {{ . | quote }}
{{- end }}
{{- if include "azdiskbackup.projectsToken" . }}
- name: AZURE_TENANT_ID
  value: {{ .Values.azure.tenantID | quote }}
- name: AZURE_FEDERATED_TOKEN_FILE
  value: /var/run/secrets/azure/tokens/azure-identity-token
{{- end }}
{{- if or .Values.extraCA.configMapName .Values.extraCA.secretName }}
- name: AZDISKBACKUP_CA_FILE
  value: {{ printf "/etc/azdiskbackup/ca/%s" .Values.extraCA.key | quote }}
{{- end }}
{{- with .Values.proxy.httpProxy }}
- name: HTTP_PROXY
  value: {{ . | quote }}
{{- end }}
{{- with .Values.proxy.httpsProxy }}
- name: HTTPS_PROXY
  value: {{ . | quote }}
{{- end }}
{{- if or .Values.proxy.httpProxy .Values.proxy.httpsProxy }}
- name: NO_PROXY
  value: {{ list "$(KUBERNETES_SERVICE_HOST)" ".svc" ".cluster.local" "localhost" "127.0.0.1" "169.254.169.254" .Values.proxy.noProxy | compact | join "," | quote }}
{{- end }}
- name: AZDISKBACKUP_REQUEST_TIMEOUT_SECONDS
  value: {{ .Values.operator.requestTimeoutSeconds | quote }}
- name: AZDISKBACKUP_LOG_FORMAT
  value: {{ .Values.operator.logFormat | quote }}
- name: AZDISKBACKUP_LOG_LEVEL
  value: {{ .Values.operator.logLevel | quote }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "azdiskbackup.volumeMounts" -}}
- name: tmp
  mountPath: /tmp
{{- if include "azdiskbackup.projectsToken" . }}
- name: azure-identity-token
  mountPath: /var/run/secrets/azure/tokens
  readOnly: true
{{- end }}
{{- if or .Values.extraCA.configMapName .Values.extraCA.secretName }}
- name: extra-ca
  mountPath: /etc/azdiskbackup/ca
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "azdiskbackup.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: 16Mi
{{- if include "azdiskbackup.projectsToken" . }}
- name: azure-identity-token
  projected:
    sources:
      - serviceAccountToken:
          audience: api://AzureADTokenExchange
          expirationSeconds: {{ .Values.azure.tokenExpirationSeconds }}
          path: azure-identity-token
{{- end }}
{{- if .Values.extraCA.configMapName }}
- name: extra-ca
  configMap:
    name: {{ .Values.extraCA.configMapName | quote }}
{{- else if .Values.extraCA.secretName }}
- name: extra-ca
  secret:
    secretName: {{ .Values.extraCA.secretName | quote }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* That of the values, kept to nodes that the image is for: one term is enough for a node, so each gets it. */}}
{{- define "azdiskbackup.affinity" -}}
{{- $affinity := deepCopy .Values.affinity -}}
{{- if and .Values.image.architectures (not (hasKey .Values.nodeSelector "kubernetes.io/arch")) -}}
{{- $node := $affinity.nodeAffinity | default dict -}}
{{- $required := $node.requiredDuringSchedulingIgnoredDuringExecution | default dict -}}
{{- $fits := dict "key" "kubernetes.io/arch" "operator" "In" "values" .Values.image.architectures -}}
{{- $terms := list -}}
{{- range $required.nodeSelectorTerms | default (list dict) -}}
{{- $terms = append $terms (set . "matchExpressions" (append (.matchExpressions | default list) $fits)) -}}
{{- end -}}
{{- $node = set $node "requiredDuringSchedulingIgnoredDuringExecution" (dict "nodeSelectorTerms" $terms) -}}
{{- $affinity = set $affinity "nodeAffinity" $node -}}
{{- end -}}
{{- toYaml $affinity -}}
{{- end -}}

{{/* Where pods of ours may run. */}}
{{- define "azdiskbackup.placement" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with include "azdiskbackup.affinity" . | fromYaml }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- end -}}
