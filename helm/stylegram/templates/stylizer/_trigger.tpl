{{/*
How KEDA sees what there is to do: the messages of both queues, together. By the management API, since AMQP does not
tell which messages somebody is at work on.

A Deployment's workers count as busy by what they have not acknowledged; what takes long has moved to a queue
`….held.…` of the worker's own, and counts there. For Jobs only what waits counts, as KEDA knows which of them run.
*/}}
{{- define "stylegram.trigger" -}}
{{- $jobs := eq .Values.stylizer.scaling.mode "keda-job" -}}
{{- $management := .Values.broker.management -}}
type: rabbitmq
name: messages
{{- if not $jobs }}
metricType: AverageValue
{{- end }}
metadata:
  protocol: http
  mode: QueueLength
  useRegex: "true"
  operation: sum
  {{- if $jobs }}
  queueName: ^stylizer\.(jobs|batch)$
  excludeUnacknowledged: "true"
  {{- else }}
  queueName: ^stylizer\.(jobs|batch)(\.held\..+)?$
  excludeUnacknowledged: "false"
  {{- end }}
  value: {{ .Values.stylizer.scaling.messagesPerReplica | quote }}
  activationValue: "0"
  {{- with $management.vhost }}
  vhostName: {{ . | quote }}
  {{- end }}
  {{- if $management.unsafeSsl }}
  unsafeSsl: "true"
  {{- end }}
authenticationRef:
  name: {{ include "stylegram.fullname" . }}-stylizer
{{- end -}}
