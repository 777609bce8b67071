{{/* What pods are made of. */}}

{{/* What every pod's spec has. Arguments: root, serviceAccountName. */}}
{{- define "stylegram.podBasics" -}}
serviceAccountName: {{ .serviceAccountName }}
automountServiceAccountToken: false
# Kubernetes would put a variable STYLEGRAM_INGEST_PORT and its like into every container.
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
{{- end -}}

{{/* A container's image and its security. Arguments: root, component (whose image it is). */}}
{{- define "stylegram.containerBasics" -}}
image: {{ include "stylegram.componentImage" . }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  {{- toYaml .root.Values.containerSecurityContext | nindent 2 }}
{{- end -}}

{{/*
Probes of whatever answers at the port of its metrics; a service that waits for a dependency lives, and is not ready.
*/}}
{{- define "stylegram.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: metrics}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 90
livenessProbe:
  httpGet: {path: /healthz, port: metrics}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: metrics}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 3
{{- end -}}

{{/* Where pods that share the demo's claim have to be, which one node may mount: beside each other. */}}
{{- define "stylegram.besideTheData" -}}
podAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    - topologyKey: kubernetes.io/hostname
      labelSelector:
        matchLabels:
          app.kubernetes.io/name: {{ include "stylegram.name" . }}
          app.kubernetes.io/instance: {{ .Release.Name }}
        matchExpressions:
          - key: app.kubernetes.io/component
            operator: In
            values: [ingest, publisher, stylizer]
{{- end -}}

{{/* Digests of what pods read, so that they are made anew when it changes. Arguments: root, component. */}}
{{- define "stylegram.digests" -}}
checksum/settings: {{ include "stylegram.environment" . | sha256sum }}
{{- with include "stylegram.madeSecretsDigest" .root }}
checksum/secrets: {{ . }}
{{- end }}
{{- end -}}

{{/*
The template of a component's pods. Arguments: root, component; restartPolicy.

What only one component has stands in its `stylegram.COMPONENT.pod`, a map of initContainers, volumes, volumeMounts,
limits (of its container), tolerations, runtimeClassName, annotations, environment (settings), and variables (of others
than Stylegram).
*/}}
{{- define "stylegram.podTemplate" -}}
{{- $values := index .root.Values .component -}}
{{- $needs := index (include "stylegram.components" .root | fromYaml) .component -}}
{{- $special := include (printf "stylegram.%s.pod" .component) .root | fromYaml -}}
{{- $secrets := include "stylegram.secrets" . | fromYamlArray -}}
{{- $dataClaim := empty $needs.storage | ternary "" (include "stylegram.dataClaim" .root) -}}
{{- $account := dict "root" .root "serviceAccount" $values.serviceAccount "name" .component -}}
{{- $accountName := include "stylegram.serviceAccountName" $account -}}
metadata:
  labels:
    {{- include "stylegram.podLabels" (merge (dict "labels" $values.podLabels) .) | nindent 4 }}
  annotations:
    {{- $digests := include "stylegram.digests" . | fromYaml }}
    {{- $scrape := dict "root" .root "port" (include "stylegram.metricsPort" .) }}
    {{- $scraped := include "stylegram.scrapeAnnotations" $scrape | fromYaml }}
    {{- $further := $special.annotations | default dict }}
    {{- merge dict $values.podAnnotations $digests $further $scraped .root.Values.commonAnnotations | toYaml | nindent 4 }}
spec:
  {{- include "stylegram.podBasics" (dict "root" .root "serviceAccountName" $accountName) | nindent 2 }}
  {{- with .restartPolicy }}
  restartPolicy: {{ . }}
  {{- end }}
  terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
  {{- with $special.runtimeClassName }}
  runtimeClassName: {{ . }}
  {{- end }}
  {{- with $values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with concat $values.tolerations ($special.tolerations | default list) }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- $apart := or (empty $dataClaim) (not (empty .root.Values.storage.existingClaim)) }}
  {{- $beside := $apart | ternary dict (include "stylegram.besideTheData" .root | fromYaml) }}
  {{- with merge (deepCopy $values.affinity) $beside }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.topologySpread }}
  topologySpreadConstraints:
    {{- range . }}
    - labelSelector:
        matchLabels:
          {{- include "stylegram.selector" $ | nindent 10 }}
      {{- toYaml . | nindent 6 }}
    {{- end }}
  {{- end }}
  {{- with $special.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ .component }}
      {{- include "stylegram.containerBasics" . | nindent 6 }}
      envFrom:
        - configMapRef:
            name: {{ include "stylegram.fullname" .root }}-{{ .component }}
      {{- with $values.extraEnv }}
      env:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        {{- with $needs.port }}
        - {name: http, containerPort: {{ . }}, protocol: TCP}
        {{- end }}
        - {name: metrics, containerPort: {{ include "stylegram.metricsPort" . }}, protocol: TCP}
      {{- include "stylegram.probes" . | nindent 6 }}
      {{- with $values.drainSeconds }}
      lifecycle:
        preStop:
          # It is still sent requests for a while after it was told to end.
          exec: {command: [python, -c, "import time; time.sleep({{ . }})"]}
      {{- end }}
      resources:
        {{- $limits := dict "limits" ($special.limits | default dict) }}
        {{- mergeOverwrite (deepCopy $values.resources) $limits | toYaml | nindent 8 }}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        - {name: state, mountPath: /var/lib/stylegram}
        {{- if $secrets }}
        {{- include "stylegram.secretsMount" . | nindent 8 }}
        {{- end }}
        {{- if $dataClaim }}
        - {name: data, mountPath: {{ include "stylegram.dataFolder" . }}}
        {{- end }}
        {{- with concat ($special.volumeMounts | default list) $values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - {name: tmp, emptyDir: {}}
    - {name: state, emptyDir: {}}
    {{- if $secrets }}
    {{- include "stylegram.secretsVolume" $secrets | nindent 4 }}
    {{- end }}
    {{- if $dataClaim }}
    - {name: data, persistentVolumeClaim: {claimName: {{ $dataClaim }}}}
    {{- end }}
    {{- with concat ($special.volumes | default list) $values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* A Prometheus without an operator finds metrics by these. Arguments: root, port. */}}
{{- define "stylegram.scrapeAnnotations" -}}
{{- $wanted := .root.Values.monitoring.podAnnotations -}}
{{- if kindIs "invalid" $wanted | ternary (eq .root.Values.profile "demo") $wanted -}}
prometheus.io/scrape: "true"
prometheus.io/port: {{ .port | quote }}
prometheus.io/path: /metrics
{{- end -}}
{{- end -}}

{{/*
An init container that puts model files into the volume `models`, through pip, whose own variables (PIP_INDEX_URL) count
in extraEnv. Arguments: root, component (whose image), args.
*/}}
{{- define "stylegram.fetchContainer" -}}
name: fetch-weights
{{ include "stylegram.containerBasics" . }}
args:
  {{- toYaml .args | nindent 2 }}
env:
  {{- $variables := dict "STYLEGRAM_WEIGHTS_DIR" (include "stylegram.modelsFolder" .) "HOME" "/tmp" }}
  {{- with (index .root.Values .component).settings.weights }}{{ $_ := set $variables "STYLEGRAM_WEIGHTS" . }}{{ end }}
  {{- $listed := dict "variables" $variables "extra" (index .root.Values .component).extraEnv }}
  {{- include "stylegram.environmentList" $listed | trim | nindent 2 }}
resources:
  {{- toYaml (index .root.Values .component).resources | nindent 2 }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  - {name: state, mountPath: /var/lib/stylegram}
  - {name: models, mountPath: {{ include "stylegram.modelsFolder" . }}}
{{- end -}}

{{/* Where fetched model files are. */}}
{{- define "stylegram.modelsFolder" -}}/var/lib/stylegram/models{{- end -}}
