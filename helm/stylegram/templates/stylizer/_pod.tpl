{{/* What only stylizers' pods have: GPUs, memory that their processes share, model files. */}}
{{- define "stylegram.stylizer.pod" -}}
{{- $gpus := include "stylegram.gpus" . | int -}}
{{- $values := .Values.stylizer -}}
{{- $fetches := eq $values.weights.source "init" -}}
{{- if $gpus }}
limits:
  {{ $values.gpu.resourceName }}: {{ $gpus }}
tolerations:
  - {key: {{ $values.gpu.resourceName }}, operator: Exists, effect: NoSchedule}
variables:
  # Google's nodes mount the driver there, where nothing else looks for it.
  LD_LIBRARY_PATH: /usr/local/nvidia/lib64
{{- with $values.gpu.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- end }}
{{- $environment := dict }}
{{- if $fetches }}{{ $_ := set $environment "weightsDir" (include "stylegram.modelsFolder" .) }}{{ end }}
{{- if eq $values.scaling.mode "keda-job" }}
{{- $_ := set $environment "idleSeconds" $values.scaling.idleSeconds }}
{{- end }}
environment:
  {{- toYaml $environment | nindent 2 }}
{{- if $fetches }}
initContainers:
  {{- $args := concat (list "fetch") $values.weights.names }}
  - {{ include "stylegram.fetchContainer" (dict "root" . "component" "stylizer" "args" $args) | nindent 4 | trim }}
{{- end }}
volumes:
  - {name: shared-memory, emptyDir: {medium: Memory, sizeLimit: {{ $values.sharedMemory }}}}
  {{- if $fetches }}
  - name: models
    {{- if $values.weights.existingClaim }}
    persistentVolumeClaim: {claimName: {{ $values.weights.existingClaim }}}
    {{- else }}
    emptyDir: {sizeLimit: {{ $values.weights.sizeLimit }}}
    {{- end }}
  {{- end }}
volumeMounts:
  - {name: shared-memory, mountPath: /dev/shm}
  {{- if $fetches }}
  - {name: models, mountPath: {{ include "stylegram.modelsFolder" . }}, readOnly: true}
  {{- end }}
{{- end -}}
