{{/*
What each component needs: the one table from which follow its environment, its secrets, its volumes and who it may
speak to. `port` is that of its API.
*/}}
{{- define "stylegram.components" -}}
ingest: {port: 8000, broker: true, database: true, storage: true}
stylizer: {broker: true, storage: true}
preview: {port: 8002}
publisher: {port: 8003, broker: true, database: true, storage: true}
logger: {port: 8001, broker: true, database: true}
{{- end -}}

{{/* The components that are installed, as the table above. Use with fromYaml. */}}
{{- define "stylegram.installed" -}}
{{- $installed := dict -}}
{{- range $name, $needs := include "stylegram.components" . | fromYaml -}}
{{- if ne (index $.Values $name).enabled false -}}
{{- $_ := set $installed $name $needs -}}
{{- end -}}
{{- end -}}
{{- toYaml $installed -}}
{{- end -}}

{{/* What all that answers about itself has: the page of its health, and its metrics. */}}
{{- define "stylegram.metricsPort" -}}9100{{- end -}}

{{/* The folder of the claim that pods share. */}}
{{- define "stylegram.dataFolder" -}}/var/lib/stylegram/data{{- end -}}

{{/* The claim that pods share: the demo's, or the one that the values name; empty where there is none. */}}
{{- define "stylegram.dataClaim" -}}
{{- if .Values.storage.existingClaim -}}
{{- .Values.storage.existingClaim -}}
{{- else if eq .Values.profile "demo" -}}
{{- include "stylegram.fullname" . }}-demo-data
{{- end -}}
{{- end -}}

{{- define "stylegram.storageUrl" -}}
{{- $demo := printf "file://%s/storage" (include "stylegram.dataFolder" .) -}}
{{- .Values.storage.url | default (eq .Values.profile "demo" | ternary $demo "") -}}
{{- end -}}

{{/* Where pictures come from. Arguments: root, setting (contentSourceUrl or styleSourceUrl), folder (the demo's). */}}
{{- define "stylegram.sourceUrl" -}}
{{- $demo := printf "file://%s/%s" (include "stylegram.dataFolder" .root) .folder -}}
{{- index .root.Values.ingest.settings .setting | default (eq .root.Values.profile "demo" | ternary $demo "") -}}
{{- end -}}

{{- define "stylegram.photographsUrl" -}}
{{- include "stylegram.sourceUrl" (dict "root" . "setting" "contentSourceUrl" "folder" "photos") -}}
{{- end -}}

{{- define "stylegram.paintingsUrl" -}}
{{- include "stylegram.sourceUrl" (dict "root" . "setting" "styleSourceUrl" "folder" "paintings") -}}
{{- end -}}

{{/* Whether there is a source to sync: `true` or nothing. */}}
{{- define "stylegram.hasSources" -}}
{{- if or (include "stylegram.photographsUrl" .) (include "stylegram.paintingsUrl" .) -}}true{{- end -}}
{{- end -}}

{{/* Where posts go. */}}
{{- define "stylegram.publishUrl" -}}
{{- $demo := printf "folder://%s/outbox" (include "stylegram.dataFolder" .) -}}
{{- .Values.publisher.settings.publishUrl | default (eq .Values.profile "demo" | ternary $demo "") -}}
{{- end -}}

{{/* Whether hook Jobs change the tables, and not the services as they start: `true` or nothing. */}}
{{- define "stylegram.migratesByHook" -}}
{{- if and .Values.migrations.enabled (eq .Values.profile "production") -}}true{{- end -}}
{{- end -}}

{{/* The address of a component's API within the cluster. Arguments: root, component. */}}
{{- define "stylegram.apiUrl" -}}
{{- $needs := index (include "stylegram.components" .root | fromYaml) .component -}}
{{- printf "http://%s-%s:%v" (include "stylegram.fullname" .root) .component $needs.port -}}
{{- end -}}

{{/* Ingest's address within the cluster, with the prefix that everything lies below. */}}
{{- define "stylegram.ingestUrl" -}}
{{- include "stylegram.apiUrl" (dict "root" . "component" "ingest") -}}{{- .Values.ingest.settings.httpPrefix -}}
{{- end -}}
