{{/*
Annotations of what comes before everything else of a release, in the order of its weight. Helm removes it when all has
gone well; what failed stays to be looked at, until the next time. Arguments: weight, annotations.
*/}}
{{- define "stylegram.hook" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-weight: {{ .weight | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- with .annotations }}
{{ toYaml . }}
{{- end }}
{{- end -}}
