{{/* How Prometheus looks at an endpoint. Arguments: values of a monitor. */}}
{{- define "stylegram.endpoint" -}}
port: metrics
path: /metrics
interval: {{ .interval }}
scrapeTimeout: {{ .scrapeTimeout }}
{{- with .relabelings }}
relabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* A file of alerts or a dashboard, which leads to the runbooks at RUNBOOKS. Arguments: root, path. */}}
{{- define "stylegram.withRunbooks" -}}
{{- .root.Files.Get .path | replace "RUNBOOKS" .root.Values.monitoring.runbookUrl -}}
{{- end -}}

{{/* What both kinds of monitors select: whatever answers about itself. */}}
{{- define "stylegram.monitored" -}}
selector:
  matchLabels:
    app.kubernetes.io/name: {{ include "stylegram.name" . }}
    app.kubernetes.io/instance: {{ .Release.Name }}
  matchExpressions:
    - key: app.kubernetes.io/component
      operator: In
      values:
        {{- include "stylegram.installed" . | fromYaml | keys | sortAlpha | toYaml | nindent 8 }}
        {{- if eq .Values.profile "demo" }}
        - rabbitmq
        {{- end }}
namespaceSelector:
  matchNames: [{{ .Release.Namespace }}]
{{- end -}}
