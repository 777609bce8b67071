{{/* The random tokens, by key. */}}
{{- define "stylegram.tokens" -}}
{{- range list .Values.tokens.apiKey .Values.tokens.internalKey | uniq }}
{{ . }}: {{ include "stylegram.kept" (dict "root" $ "secret" (include "stylegram.tokensSecret" $) "key" .) }}
{{- end }}
{{- end -}}
