{{/* The environment of the services. */}}

{{/*
Settings as variables, a map: `someName: 1` → `STYLEGRAM_SOME_NAME: "1"`. What is null is left out, a list is joined
by commas, and what is no text is JSON: numbers as they stand, objects whole.
*/}}
{{- define "stylegram.variables" -}}
{{- range $name, $value := . }}
{{- if not (kindIs "invalid" $value) }}
{{- $text := "" }}
{{- if kindIs "string" $value }}{{ $text = $value }}
{{- else if kindIs "slice" $value }}{{ $text = join "," $value }}
{{- else }}{{ $text = toJson $value }}
{{- end }}
STYLEGRAM_{{ $name | snakecase | upper }}: {{ $text | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/*
The whole environment of a component, a map. Arguments: root, component. A setting of the component's own wins over
what the chart concludes.
*/}}
{{- define "stylegram.environment" -}}
{{- $values := .root.Values -}}
{{- $own := index $values .component -}}
{{- $needs := index (include "stylegram.components" .root | fromYaml) .component -}}
{{- $concluded := dict "metricsPort" (include "stylegram.metricsPort" . | int) -}}
{{- if $needs.port -}}
{{- $_ := set $concluded "httpHost" "0.0.0.0" -}}
{{- $_ := set $concluded "httpPort" $needs.port -}}
{{- end -}}
{{- if $needs.broker -}}
{{- $_ := set $concluded "brokerAckTimeoutSeconds" $values.broker.ackTimeoutSeconds -}}
{{- end -}}
{{- if $needs.database -}}
{{- $_ := set $concluded "migrateAtStart" (not (include "stylegram.migratesByHook" .root)) -}}
{{- end -}}
{{- if $needs.storage -}}
{{- $_ := set $concluded "storageUrl" (include "stylegram.storageUrl" .root) -}}
{{- end -}}
{{- if eq .component "ingest" -}}
{{- range $peer := list "logger" "publisher" "preview" -}}
{{- if (index $values $peer).enabled -}}
{{- $_ := set $concluded (printf "%sUrl" $peer) (include "stylegram.apiUrl" (dict "root" $.root "component" $peer)) -}}
{{- end -}}
{{- end -}}
{{- with include "stylegram.photographsUrl" .root -}}{{- $_ := set $concluded "contentSourceUrl" . -}}{{- end -}}
{{- with include "stylegram.paintingsUrl" .root -}}{{- $_ := set $concluded "styleSourceUrl" . -}}{{- end -}}
{{- end -}}
{{- if and (eq .component "stylizer") (ne (include "stylegram.gpus" .root) "0") -}}
{{- /* Without a driver it is to say so, and not to paint by processors with a GPU in hand. */ -}}
{{- $_ := set $concluded "device" "cuda" -}}
{{- end -}}
{{- if eq .component "publisher" -}}
{{- with include "stylegram.publishUrl" .root -}}{{- $_ := set $concluded "publishUrl" . -}}{{- end -}}
{{- end -}}
{{- $settings := dict -}}
{{- range $given := list $concluded $values.settings $own.settings -}}
{{- range $name, $value := $given -}}
{{- if not (kindIs "invalid" $value) -}}{{- $_ := set $settings $name $value -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- include "stylegram.variables" $settings }}
{{- include "stylegram.secretVariables" (include "stylegram.secrets" . | fromYamlArray) }}
{{- $special := include (printf "stylegram.%s.pod" .component) .root | fromYaml }}
{{- include "stylegram.variables" ($special.environment | default dict) }}
{{- with $special.variables }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
A container's list of variables, each there once. Arguments: variables (a map), extra (a list as the values have it,
which wins).
*/}}
{{- define "stylegram.environmentList" -}}
{{- $variables := .variables -}}
{{- range .extra -}}{{- $variables = omit $variables .name -}}{{- end -}}
{{- range $name, $value := $variables }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- with .extra }}
{{ toYaml . }}
{{- end }}
{{- end -}}
