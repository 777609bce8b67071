{{/* Work that ends: what a clock starts, and what comes before an upgrade. */}}

{{/*
The spec of such a Job's pod. Arguments: root, component (label), image (the component whose image it is),
serviceAccountName, args, environment (a map), secrets (a list as of `stylegram.secrets`), resources; withExtras, where
it is to have the component's extraEnv and extraVolumes, as for the certificate of a database.
*/}}
{{- define "stylegram.taskPod" -}}
{{- $like := index .root.Values .image -}}
{{- $extras := empty .withExtras | ternary dict $like -}}
metadata:
  labels:
    {{- include "stylegram.podLabels" . | nindent 4 }}
  {{- with .root.Values.commonAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- include "stylegram.podBasics" . | nindent 2 }}
  restartPolicy: Never
  {{- with $like.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $like.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ .component }}
      {{- include "stylegram.containerBasics" (dict "root" .root "component" .image) | nindent 6 }}
      args:
        {{- toYaml .args | nindent 8 }}
      env:
        {{- $named := include "stylegram.secretVariables" .secrets | fromYaml }}
        {{- $variables := dict "variables" (merge $named .environment) "extra" $extras.extraEnv }}
        {{- include "stylegram.environmentList" $variables | trim | nindent 8 }}
      resources:
        {{- toYaml .resources | nindent 8 }}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        - {name: state, mountPath: /var/lib/stylegram}
        {{- include "stylegram.secretsMount" . | nindent 8 }}
        {{- with $extras.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - {name: tmp, emptyDir: {}}
    - {name: state, emptyDir: {}}
    {{- include "stylegram.secretsVolume" .secrets | nindent 4 }}
    {{- with $extras.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* Settings that every task has, whatever it does. */}}
{{- define "stylegram.taskEnvironment" -}}
{{- include "stylegram.variables" (pick .Values.settings "logLevel" "logFormat") }}
{{- end -}}

{{/* A CronJob. Arguments: as above; name, cron (its values). */}}
{{- define "stylegram.cronJob" -}}
{{- $zone := .cron.timeZone | default .root.Values.ingest.settings.timezone | default "Etc/UTC" -}}
apiVersion: batch/v1
kind: CronJob
metadata:
  {{- include "stylegram.metadata" . | nindent 2 }}
spec:
  schedule: {{ .cron.schedule | quote }}
  timeZone: {{ $zone }}
  suspend: {{ .cron.suspend }}
  # The next one waits until this one has ended.
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: {{ .cron.startingDeadlineSeconds }}
  successfulJobsHistoryLimit: {{ .cron.successfulJobsHistoryLimit }}
  failedJobsHistoryLimit: {{ .cron.failedJobsHistoryLimit }}
  jobTemplate:
    metadata:
      labels:
        {{- include "stylegram.podLabels" . | nindent 8 }}
    spec:
      backoffLimit: {{ .cron.backoffLimit }}
      activeDeadlineSeconds: {{ .cron.activeDeadlineSeconds }}
      {{- with .cron.ttlSecondsAfterFinished }}
      ttlSecondsAfterFinished: {{ . }}
      {{- end }}
      template:
        {{- include "stylegram.taskPod" . | nindent 8 }}
{{- end -}}
