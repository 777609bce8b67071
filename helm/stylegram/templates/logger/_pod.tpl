{{/* What only the logger's pods have: a volume, for the file that lists every run. */}}
{{- define "stylegram.logger.pod" -}}
{{- with .Values.logger.persistence }}
{{- if .enabled }}
volumes:
  - name: logger
    persistentVolumeClaim:
      claimName: {{ .existingClaim | default (printf "%s-logger" (include "stylegram.fullname" $)) }}
volumeMounts:
  - {name: logger, mountPath: /var/lib/stylegram/logger}
{{- end }}
{{- end }}
{{- end -}}
