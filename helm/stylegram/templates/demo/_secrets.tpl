{{/* What the demo's servers and those who speak to them have to know, by key. */}}
{{- define "stylegram.demoSecrets" -}}
{{- $full := include "stylegram.fullname" . -}}
{{- $secret := include "stylegram.demoSecret" . -}}
{{- $rabbitmq := include "stylegram.kept" (dict "root" . "secret" $secret "key" "rabbitmq-password") -}}
{{- $postgresql := include "stylegram.kept" (dict "root" . "secret" $secret "key" "postgresql-password") -}}
rabbitmq-password: {{ $rabbitmq }}
postgresql-password: {{ $postgresql }}
broker-url: amqp://stylegram:{{ $rabbitmq }}@{{ $full }}-rabbitmq:5672/stylegram
# KEDA asks from another namespace.
management-url: http://stylegram:{{ $rabbitmq }}@{{ $full }}-rabbitmq.{{ .Release.Namespace }}:15672/stylegram
database-url: postgresql+psycopg://stylegram:{{ $postgresql }}@{{ $full }}-postgresql:5432/stylegram
rabbitmq.conf: |
  default_vhost = stylegram
  default_user = stylegram
  default_pass = {{ $rabbitmq }}
  log.console = true
  log.file = false
  disk_free_limit.absolute = 100MB
{{- end -}}
