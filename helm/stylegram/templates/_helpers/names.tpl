{{/* Names, labels and images. */}}

{{- define "stylegram.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* What all names begin with; 34 characters leave room for `-migrate-publisher` and for what CronJobs add. */}}
{{- define "stylegram.fullname" -}}
{{- $name := include "stylegram.name" . -}}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- .Values.fullnameOverride | default $full | trunc 34 | trimSuffix "-" -}}
{{- end -}}

{{/* Labels by which pods are found. Arguments: root, component. */}}
{{- define "stylegram.selector" -}}
app.kubernetes.io/name: {{ include "stylegram.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/*
Labels of pods: no version of the chart, which would have every pod made anew. Nobody's own labels take the place of
these. Arguments: root, component; labels, further ones.
*/}}
{{- define "stylegram.podLabels" -}}
{{- $ours := dict
    "app.kubernetes.io/version" .root.Chart.AppVersion
    "app.kubernetes.io/part-of" "stylegram"
    "app.kubernetes.io/managed-by" .root.Release.Service -}}
{{- merge (include "stylegram.selector" . | fromYaml) $ours (.labels | default dict) .root.Values.commonLabels | toYaml }}
{{- end -}}

{{/*
Name, labels and annotations of an object. Arguments: root, component; name (what follows the full name, by default the
component), wholeName (in place of both), labels, annotations.
*/}}
{{- define "stylegram.metadata" -}}
name: {{ .wholeName | default (printf "%s-%s" (include "stylegram.fullname" .root) (.name | default .component)) }}
namespace: {{ .root.Release.Namespace }}
labels:
  helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
  {{- include "stylegram.podLabels" . | nindent 2 }}
{{- with merge (deepCopy (.annotations | default dict)) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* An image's whole name. Arguments: root, image; variant, where it has one. */}}
{{- define "stylegram.image" -}}
{{- $name := list .root.Values.image.registry .image.repository | compact | join "/" -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $name .image.digest -}}
{{- else -}}
{{- $tag := .image.tag | default .root.Values.image.tag | default .root.Chart.AppVersion -}}
{{- printf "%s:%s" $name (list $tag .variant | compact | join "-") -}}
{{- end -}}
{{- end -}}

{{/* A component's image. Arguments: root, component. */}}
{{- define "stylegram.componentImage" -}}
{{- $image := (index .root.Values .component).image -}}
{{- $variant := eq .component "stylizer" | ternary (include "stylegram.variant" .root) "" -}}
{{- include "stylegram.image" (dict "root" .root "image" $image "variant" $variant) -}}
{{- end -}}

{{/* GPUs of a stylizer: as the values say, else one, but none in the demo and for an image that uses none. */}}
{{- define "stylegram.gpus" -}}
{{- $count := .Values.stylizer.gpu.count -}}
{{- $none := or (eq .Values.profile "demo") (eq (.Values.stylizer.image.variant | default "") "cpu") -}}
{{- kindIs "invalid" $count | ternary (ternary 0 1 $none) $count | int -}}
{{- end -}}

{{- define "stylegram.variant" -}}
{{- .Values.stylizer.image.variant | default (eq (include "stylegram.gpus" .) "0" | ternary "cpu" "cuda") -}}
{{- end -}}

{{/* Arguments: root, serviceAccount (the values of one), name (what it is called where it is made). */}}
{{- define "stylegram.serviceAccountName" -}}
{{- $made := printf "%s-%s" (include "stylegram.fullname" .root) .name -}}
{{- .serviceAccount.name | default (.serviceAccount.create | ternary $made "default") -}}
{{- end -}}
