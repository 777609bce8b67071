{{/* What only ingest's pods have: the demo's folders, and the network that tells which way is up. */}}
{{- define "stylegram.ingest.pod" -}}
{{- $turns := .Values.ingest.settings.turnUpright -}}
{{- $demo := eq .Values.profile "demo" -}}
{{- if or $turns $demo }}
initContainers:
  {{- if $demo }}
  # A source is a folder that is there, if only an empty one.
  - name: make-folders
    {{- include "stylegram.containerBasics" (dict "root" . "component" "ingest") | nindent 4 }}
    command:
      - python
      - -c
      - "import os, sys; [os.makedirs(folder, exist_ok=True) for folder in sys.argv[1:]]"
      - {{ include "stylegram.dataFolder" . }}/photos
      - {{ include "stylegram.dataFolder" . }}/paintings
    resources:
      requests: {cpu: 10m, memory: 32Mi}
      limits: {memory: 64Mi}
    volumeMounts:
      - {name: tmp, mountPath: /tmp}
      - {name: state, mountPath: /var/lib/stylegram}
      - {name: data, mountPath: {{ include "stylegram.dataFolder" . }}}
  {{- end }}
  {{- if $turns }}
  {{- $stylizer := dict "root" . "component" "stylizer" }}
  {{- if eq .Values.stylizer.weights.source "init" }}
  {{- $args := list "fetch" "vgg19-gatys" }}
  - {{ include "stylegram.fetchContainer" (merge (dict "args" $args) $stylizer) | nindent 4 | trim }}
  {{- else }}
  # The stylizer's image has the network's weights.
  - name: copy-weights
    {{- include "stylegram.containerBasics" $stylizer | nindent 4 }}
    command:
      - python
      - -c
      - "import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2])"
      - /opt/stylegram/models/vgg19-gatys.safetensors
      - {{ include "stylegram.modelsFolder" . }}
    resources:
      requests: {cpu: 10m, memory: 32Mi}
      limits: {memory: 256Mi}
    volumeMounts:
      - {name: tmp, mountPath: /tmp}
      - {name: state, mountPath: /var/lib/stylegram}
      - {name: models, mountPath: {{ include "stylegram.modelsFolder" . }}}
  {{- end }}
  {{- end }}
{{- end }}
{{- if $turns }}
environment:
  weightsDir: {{ include "stylegram.modelsFolder" . }}
volumes:
  - {name: models, emptyDir: {sizeLimit: {{ .Values.stylizer.weights.sizeLimit }}}}
volumeMounts:
  - {name: models, mountPath: {{ include "stylegram.modelsFolder" . }}, readOnly: true}
{{- end }}
{{- end -}}
