{{/* What the demo's servers have in common. */}}

{{/* Arguments: root, component, digest (of what they read). */}}
{{- define "stylegram.demoPodMetadata" -}}
labels:
  {{- include "stylegram.podLabels" . | nindent 2 }}
annotations:
  checksum/secrets: {{ include "stylegram.demoSecrets" .root | sha256sum }}
  {{- with .root.Values.commonAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* Both images' user has the number 999. Arguments: root, component. */}}
{{- define "stylegram.demoPodBasics" -}}
{{- $values := index .root.Values.demo .component -}}
serviceAccountName: {{ include "stylegram.fullname" .root }}-demo
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 999
  runAsGroup: 999
  fsGroup: 999
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Arguments: root, component. */}}
{{- define "stylegram.demoContainerBasics" -}}
{{- $values := index .root.Values.demo .component -}}
name: {{ .component }}
{{- with $values.image }}
image: {{ list .registry (printf "%s:%s" .repository .tag) | compact | join "/" }}
{{- end }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  {{- toYaml .root.Values.containerSecurityContext | nindent 2 }}
resources:
  {{- toYaml $values.resources | nindent 2 }}
{{- end -}}
