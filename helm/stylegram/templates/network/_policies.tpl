{{/* Network policies: an arrow of the flow is what one end may send, and what the other may take. */}}

{{/*
Labels of the pods of some components. Arguments: root, components.
*/}}
{{- define "stylegram.podsOf" -}}
matchLabels:
  app.kubernetes.io/name: {{ include "stylegram.name" .root }}
  app.kubernetes.io/instance: {{ .root.Release.Name }}
matchExpressions:
  - key: app.kubernetes.io/component
    operator: In
    values:
      {{- toYaml .components | nindent 6 }}
{{- end -}}

{{/*
One policy. Arguments: root, name (after the full name), components (whose pods it is about), direction (Ingress or
Egress), peers (a list; anybody where empty), ports, protocols (TCP by default), annotations.
*/}}
{{- define "stylegram.policy" -}}
{{- $protocols := .protocols | default (list "TCP") -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- $self := dict "root" .root "component" "network" "name" .name "annotations" .annotations }}
  {{- include "stylegram.metadata" $self | nindent 2 }}
spec:
  podSelector:
    {{- include "stylegram.podsOf" . | nindent 4 }}
  policyTypes: [{{ .direction }}]
  {{ lower .direction }}:
    - ports:
        {{- range $port := .ports }}
        {{- range $protocols }}
        - {port: {{ $port }}, protocol: {{ . }}}
        {{- end }}
        {{- end }}
      {{- with .peers }}
      {{ eq $.direction "Ingress" | ternary "from" "to" }}:
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end -}}

{{/* Both ends of an arrow from one component to another. Arguments: root, from, to, port. */}}
{{- define "stylegram.arrow" -}}
{{- range list
    (dict "name" (printf "%s-to-%s" .from .to) "components" (list .from) "direction" "Egress" "other" .to)
    (dict "name" (printf "%s-from-%s" .to .from) "components" (list .to) "direction" "Ingress" "other" .from) }}
{{- $others := include "stylegram.podsOf" (dict "root" $.root "components" (list .other)) | fromYaml }}
---
{{- $further := dict "root" $.root "ports" (list $.port) "peers" (list (dict "podSelector" $others)) }}
{{ include "stylegram.policy" (merge $further .) }}
{{- end }}
{{- end -}}
