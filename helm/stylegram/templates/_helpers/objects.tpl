{{/* Objects that each component has; its folder names them. Arguments of all: root, component. */}}

{{/*
Further arguments: strategy, where the usual one does not suit it; scaledByOthers, where it has no number of replicas.
*/}}
{{- define "stylegram.deployment" -}}
{{- $values := index .root.Values .component -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "stylegram.metadata" . | nindent 2 }}
spec:
  {{- if not .scaledByOthers }}
  replicas: {{ $values.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  progressDeadlineSeconds: 900
  strategy:
    {{- with $values.strategy | default .strategy }}
    {{- toYaml . | nindent 4 }}
    {{- else }}
    type: RollingUpdate
    rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
    {{- end }}
  selector:
    matchLabels:
      {{- include "stylegram.selector" . | nindent 6 }}
  template:
    {{- include "stylegram.podTemplate" . | nindent 4 }}
{{- end -}}

{{/* Its environment. */}}
{{- define "stylegram.configMap" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "stylegram.metadata" . | nindent 2 }}
data:
  {{- include "stylegram.environment" . | fromYaml | toYaml | nindent 2 }}
{{- end -}}

{{/* A Service. Further arguments: ports (name → number); name (after the full name), type, annotations. */}}
{{- define "stylegram.service" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "stylegram.metadata" . | nindent 2 }}
spec:
  type: {{ .type | default "ClusterIP" }}
  selector:
    {{- include "stylegram.selector" . | nindent 4 }}
  ports:
    {{- range $name, $port := .ports }}
    - {name: {{ $name }}, port: {{ $port }}, targetPort: {{ $name }}, protocol: TCP}
    {{- end }}
{{- end -}}

{{/* Whether a component's API is reached from outside by its Service: `true` or nothing. */}}
{{- define "stylegram.facesPeople" -}}
{{- $port := (index (include "stylegram.components" .root | fromYaml) .component).port -}}
{{- if and $port (ne (index .root.Values .component).service.type "ClusterIP") -}}true{{- end -}}
{{- end -}}

{{/* The name of the Service that has a component's metrics, after the full name. */}}
{{- define "stylegram.metricsService" -}}
{{- .component }}{{ if include "stylegram.facesPeople" . }}-metrics{{ end }}
{{- end -}}

{{/* What a component has of Services: one, but where people come by it, who are shown no metrics. */}}
{{- define "stylegram.services" -}}
{{- $values := (index .root.Values .component).service -}}
{{- $metrics := dict "metrics" (include "stylegram.metricsPort" .) -}}
{{- $api := dict -}}
{{- with (index (include "stylegram.components" .root | fromYaml) .component).port -}}
{{- $api = dict "http" . -}}
{{- end -}}
{{- $apart := include "stylegram.facesPeople" . -}}
{{- $ports := empty $apart | ternary (merge dict $api $metrics) $api -}}
{{ include "stylegram.service" (merge (dict "ports" $ports "type" $values.type "annotations" $values.annotations) .) }}
{{- if $apart }}
---
{{ include "stylegram.service" (merge (dict "name" (include "stylegram.metricsService" .) "ports" $metrics) .) }}
{{- end }}
{{- end -}}

{{- define "stylegram.serviceAccount" -}}
{{- $account := (index .root.Values .component).serviceAccount -}}
{{- if $account.create -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- $name := include "stylegram.serviceAccountName" (dict "root" .root "serviceAccount" $account "name" .component) }}
  {{- $annotations := merge (deepCopy $account.annotations) (.annotations | default dict) }}
  {{- include "stylegram.metadata" (merge (dict "wholeName" $name "annotations" $annotations) .) | nindent 2 }}
automountServiceAccountToken: false
{{- end -}}
{{- end -}}

{{/* Further argument: several, whether there are several pods by whatever scales them. */}}
{{- define "stylegram.podDisruptionBudget" -}}
{{- $values := index .root.Values .component -}}
{{- $wanted := $values.podDisruptionBudget.enabled -}}
{{- if kindIs "invalid" $wanted | ternary (or .several (gt (int $values.replicas) 1)) $wanted -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "stylegram.metadata" . | nindent 2 }}
spec:
  maxUnavailable: {{ $values.podDisruptionBudget.maxUnavailable }}
  selector:
    matchLabels:
      {{- include "stylegram.selector" . | nindent 6 }}
{{- end -}}
{{- end -}}

{{/* A claim. Further arguments: name (after the full name), size, storageClass, accessModes. */}}
{{- define "stylegram.claim" -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  {{- include "stylegram.metadata" . | nindent 2 }}
spec:
  accessModes:
    {{- toYaml (.accessModes | default (list "ReadWriteOnce")) | nindent 4 }}
  {{- with .storageClass }}
  storageClassName: {{ . }}
  {{- end }}
  resources:
    requests:
      storage: {{ .size }}
{{- end -}}

{{/*
How a Deployment's pods are replaced that have a claim which only one node, or one pod, may mount: the old one goes
first. Arguments: values of a claim.
*/}}
{{- define "stylegram.strategyOfClaim" -}}
{{- if and .enabled (not (has "ReadWriteMany" .accessModes)) -}}
type: Recreate
{{- end -}}
{{- end -}}
