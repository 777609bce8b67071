{{/*
The arrows that cross the release's border, as a list for `stylegram.policy`. Who has no peers named may speak with
anybody, at these ports.
*/}}
{{- define "stylegram.outside" -}}
{{- $policy := .Values.networkPolicy -}}
{{- $demo := eq .Values.profile "demo" -}}
{{- $installed := include "stylegram.installed" . | fromYaml -}}
{{- $services := keys $installed | sortAlpha -}}
{{- $inBucket := hasPrefix "gs://" (include "stylegram.storageUrl" .) -}}
{{- $sources := list (include "stylegram.photographsUrl" .) (include "stylegram.paintingsUrl" .) | join " " -}}
{{- $inDrive := regexMatch "(gdrive|https)://" $sources -}}
- name: ingest-from-people
  direction: Ingress
  components: [ingest]
  peers: {{ toJson $policy.people.from }}
  ports: [{{ $installed.ingest.port }}]
- name: services-from-monitoring
  direction: Ingress
  components: {{ toJson $services }}
  peers: {{ toJson $policy.monitoring.from }}
  ports: [{{ include "stylegram.metricsPort" . }}]
{{- if $demo }}
- name: rabbitmq-from-monitoring
  direction: Ingress
  components: [rabbitmq]
  peers: {{ toJson $policy.monitoring.from }}
  ports: [15692]
{{- if and .Values.stylizer.enabled (ne .Values.stylizer.scaling.mode "none") }}
- name: rabbitmq-from-keda
  direction: Ingress
  components: [rabbitmq]
  peers: {{ toJson $policy.keda.from }}
  ports: [15672]
{{- end }}
{{- end }}
- name: all-to-dns
  direction: Egress
  components: {{ concat $services (list "errands" "retention" "test") | toJson }}
  peers: {{ toJson $policy.dns.to }}
  ports: {{ toJson $policy.dns.ports }}
  protocols: [UDP, TCP]
{{- range $service, $needs := $installed }}
{{- if and $needs.broker (not $demo) }}
- name: {{ $service }}-to-broker
  direction: Egress
  components: [{{ $service }}]
  peers: {{ toJson $policy.broker.to }}
  ports: {{ toJson $policy.broker.ports }}
{{- end }}
{{- if and $needs.database (not $demo) }}
- name: {{ $service }}-to-database
  direction: Egress
  components: [{{ $service }}]
  peers: {{ toJson $policy.database.to }}
  ports: {{ toJson $policy.database.ports }}
{{- end }}
{{- if and $needs.storage $inBucket }}
- name: {{ $service }}-to-storage
  direction: Egress
  components: [{{ $service }}]
  peers: {{ toJson $policy.storage.to }}
  ports: {{ toJson $policy.storage.ports }}
{{- end }}
{{- end }}
{{- if and (not $demo) .Values.forget.enabled .Values.logger.enabled }}
- name: retention-to-database
  direction: Egress
  components: [retention]
  peers: {{ toJson $policy.database.to }}
  ports: {{ toJson $policy.database.ports }}
{{- end }}
{{- if include "stylegram.migratesByHook" . }}
{{- /* Before an upgrade all others are still as the release before has them, which may know another database. */}}
{{- $hook := include "stylegram.hook" (dict "weight" "-10") | fromYaml }}
- name: migrations-to-dns
  annotations: {{ toJson $hook }}
  direction: Egress
  components: [migrations]
  peers: {{ toJson $policy.dns.to }}
  ports: {{ toJson $policy.dns.ports }}
  protocols: [UDP, TCP]
- name: migrations-to-database
  annotations: {{ toJson $hook }}
  direction: Egress
  components: [migrations]
  peers: {{ toJson $policy.database.to }}
  ports: {{ toJson $policy.database.ports }}
{{- end }}
{{- if $inDrive }}
- name: ingest-to-drive
  direction: Egress
  components: [ingest]
  peers: {{ toJson $policy.drive.to }}
  ports: {{ toJson $policy.drive.ports }}
{{- end }}
{{- if and .Values.publisher.enabled (regexMatch "^(instagrapi|graph)://" (include "stylegram.publishUrl" .)) }}
- name: publisher-to-instagram
  direction: Egress
  components: [publisher]
  peers: {{ toJson $policy.instagram.to }}
  ports: {{ toJson $policy.instagram.ports }}
{{- end }}
{{- range $service := list "stylizer" "preview" "ingest" }}
{{- /* Ingest's init container is of the stylizer's image. */}}
{{- $source := (index $.Values (eq $service "ingest" | ternary "stylizer" $service)).weights.source }}
{{- $wanted := eq $service "ingest" | ternary $.Values.ingest.settings.turnUpright (hasKey $installed $service) }}
{{- if and $wanted (eq $source "init") }}
- name: {{ $service }}-to-packages
  direction: Egress
  components: [{{ $service }}]
  peers: {{ toJson $policy.packages.to }}
  ports: {{ toJson $policy.packages.ports }}
{{- end }}
{{- end }}
{{- /* Who has no key is told by the node's metadata server who it is. */}}
{{- $keyless := list }}
{{- range $service, $needs := $installed }}
{{- $storage := and $needs.storage $inBucket (not $.Values.storage.credentials.existingSecret) }}
{{- $drive := and (eq $service "ingest") $inDrive (not $.Values.ingest.drive.existingSecret) }}
{{- if or $storage $drive }}{{ $keyless = append $keyless $service }}{{ end }}
{{- end }}
{{- $wanted := $policy.metadataServer.enabled }}
{{- if kindIs "invalid" $wanted | ternary (not (empty $keyless)) $wanted }}
- name: services-to-metadata-server
  direction: Egress
  components: {{ $keyless | default $services | toJson }}
  peers:
    {{- range $policy.metadataServer.cidrs }}
    - ipBlock: {cidr: {{ . }}}
    {{- end }}
  ports: {{ toJson $policy.metadataServer.ports }}
{{- end }}
{{- end -}}
