{{/* What only the preview's pods have: model files, where the image has none. */}}
{{- define "stylegram.preview.pod" -}}
{{- if eq .Values.preview.weights.source "init" }}
environment:
  weightsDir: {{ include "stylegram.modelsFolder" . }}
initContainers:
  {{- $args := list "fetch" "--preview" }}
  - {{ include "stylegram.fetchContainer" (dict "root" . "component" "preview" "args" $args) | nindent 4 | trim }}
volumes:
  - {name: models, emptyDir: {sizeLimit: {{ .Values.preview.weights.sizeLimit }}}}
volumeMounts:
  - {name: models, mountPath: {{ include "stylegram.modelsFolder" . }}, readOnly: true}
{{- end }}
{{- end -}}
