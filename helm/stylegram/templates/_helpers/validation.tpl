{{/*
What the schema cannot see: values that contradict each other. All of it is told at once, a sentence each. Use with
fromYamlArray.
*/}}
{{- define "stylegram.contradictions" -}}
{{- include "stylegram.missing" . }}
{{- include "stylegram.tokensAtOdds" . }}
{{- include "stylegram.foldersWithoutVolume" . }}
{{- include "stylegram.accountsAtOdds" . }}
{{- include "stylegram.numbersAtOdds" . }}
{{- include "stylegram.partsAtOdds" . }}
{{- end -}}

{{/* What production has to be told. */}}
{{- define "stylegram.missing" -}}
{{- if eq .Values.profile "production" }}
{{- if not .Values.broker.existingSecret }}
- >-
  broker.existingSecret is empty: name a Secret with the broker's URL, or set profile=demo to try the chart out.
{{- end }}
{{- $without := list }}
{{- range $service := list "ingest" "publisher" "logger" }}
{{- $own := index $.Values $service }}
{{- if not (or (eq $own.enabled false) $own.database.existingSecret) }}
{{- $without = append $without $service }}
{{- end }}
{{- end }}
{{- if and $without (not .Values.database.existingSecret) }}
- >-
  database.existingSecret is empty: name a Secret with the database's URL, or for each of {{ join ", " $without }} one
  of its own in its database.existingSecret.
{{- end }}
{{- if not .Values.storage.url }}
- >-
  storage.url is empty: name a bucket, gs://bucket/prefix.
{{- end }}
{{- if not (or .Values.tokens.existingSecret .Values.tokens.create) }}
- >-
  tokens.existingSecret is empty: name a Secret with the APIs' tokens, or have one made by tokens.create=true.
{{- end }}
{{- if and .Values.publisher.enabled (not (include "stylegram.publishUrl" .)) }}
- >-
  publisher.settings.publishUrl is empty: say where posts go (graph://, instagrapi:// or folder://), or set
  publisher.enabled=false.
{{- end }}
{{- with .Values.stylizer }}
{{- if and .enabled (ne .scaling.mode "none") (not $.Values.broker.management.existingSecret) }}
- >-
  stylizer.scaling.mode is {{ .scaling.mode }}, and broker.management.existingSecret is empty: KEDA asks the broker's
  management API; name a Secret with its URL.
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "stylegram.tokensAtOdds" -}}
{{- with .Values.tokens }}
{{- if and .existingSecret .create }}
- >-
  tokens.existingSecret and tokens.create are both set: choose one.
{{- end }}
{{- if include "stylegram.createsTokens" $ }}
{{- if ne .apiKey .errandsKey }}
- >-
  tokens.errandsKey is another key than tokens.apiKey, and the chart makes one token for both: name a Secret of yours in
  tokens.existingSecret, or leave errandsKey as it is.
{{- end }}
{{- if eq .apiKey .internalKey }}
- >-
  tokens.apiKey and tokens.internalKey are the same: people's token and the services' own are to be two.
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/*
Folders that would end with their pod. `shared` folders may be on the claim that pods share, `own` ones on that of the
component of this name, and all of them on a volume that its extraVolumeMounts mount.
*/}}
{{- define "stylegram.foldersWithoutVolume" -}}
{{- $csv := .Values.logger.settings.logsCsv | default "" | printf "file://%s" }}
{{- $photographs := include "stylegram.photographsUrl" . }}
{{- $paintings := include "stylegram.paintingsUrl" . }}
{{- $outbox := include "stylegram.publishUrl" . }}
{{- $shared := include "stylegram.dataClaim" . | empty | ternary list (list (include "stylegram.dataFolder" .)) }}
{{- range $use := list
    (dict "value" "storage.url" "url" (include "stylegram.storageUrl" .) "by" "ingest stylizer publisher" "shared" true)
    (dict "value" "ingest.settings.contentSourceUrl" "url" $photographs "by" "ingest" "shared" true)
    (dict "value" "ingest.settings.styleSourceUrl" "url" $paintings "by" "ingest" "shared" true)
    (dict "value" "publisher.settings.publishUrl" "url" $outbox "by" "publisher" "shared" true "own" true)
    (dict "value" "logger.settings.logsCsv" "url" $csv "by" "logger" "own" true) }}
{{- $folder := regexFind "^(file|folder)://.*$" $use.url | regexFind "/[^/].*$" }}
{{- $without := list }}
{{- range $component := splitList " " $use.by }}
{{- $values := index $.Values $component }}
{{- $mounts := empty $use.shared | ternary list $shared }}
{{- if and $use.own $values.persistence.enabled }}
{{- $mounts = append $mounts (printf "/var/lib/stylegram/%s" $component) }}
{{- end }}
{{- range $values.extraVolumeMounts }}{{ $mounts = append $mounts .mountPath }}{{ end }}
{{- $lasts := false }}
{{- range $mounts }}
{{- if hasPrefix (printf "%s/" (trimSuffix "/" .)) (printf "%s/" $folder) }}{{ $lasts = true }}{{ end }}
{{- end }}
{{- if and $folder (ne $values.enabled false) (not $lasts) }}{{ $without = append $without $component }}{{ end }}
{{- end }}
{{- if $without }}
- >-
  {{ $use.value }} is in the folder {{ $folder }}, where {{ join ", " $without }} would have no volume, so that what is
  there would end with its pod:
  {{- if $use.own }} set {{ $use.by }}.persistence.enabled=true, for /var/lib/stylegram/{{ $use.by }},{{ end }}
  {{- if $use.shared }} name a claim in storage.existingClaim, for {{ include "stylegram.dataFolder" $ }},{{ end }}
  or mount one by extraVolumes and extraVolumeMounts.
{{- end }}
{{- end }}
{{- end -}}

{{/* What an account at Instagram needs. */}}
{{- define "stylegram.accountsAtOdds" -}}
{{- $url := include "stylegram.publishUrl" . }}
{{- $storage := include "stylegram.storageUrl" . }}
{{- with .Values.publisher }}
{{- $shared := and .persistence.enabled (has "ReadWriteMany" .persistence.accessModes) }}
{{- if and .enabled (hasPrefix "instagrapi://" $url) }}
{{- if not (or .login.existingSecret .persistence.enabled) }}
- >-
  publisher.settings.publishUrl is instagrapi://, and nobody has logged in: name a Secret with the login in
  publisher.login.existingSecret.
{{- end }}
{{- if and (gt (int .replicas) 1) (not $shared) }}
- >-
  publisher.settings.publishUrl is instagrapi://, and publisher.replicas is {{ .replicas }}: to Instagram they are one
  phone, with one session; set replicas=1, or publisher.persistence.enabled=true with ReadWriteMany.
{{- end }}
{{- end }}
{{- if and .enabled (hasPrefix "graph://" $url) }}
{{- if not .graph.existingSecret }}
- >-
  publisher.settings.publishUrl is graph://, and publisher.graph.existingSecret is empty: name a Secret with the access
  token.
{{- end }}
{{- if and $storage (not (hasPrefix "gs://" $storage)) }}
- >-
  publisher.settings.publishUrl is graph://, and storage.url is no bucket: Instagram fetches the pictures itself, from
  addresses that only gs:// can sign.
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Numbers that leave no room for each other. */}}
{{- define "stylegram.numbersAtOdds" -}}
{{- with .Values.logger }}
{{- if and .enabled .settings.logsCsv (gt (int .replicas) 1) }}
- >-
  logger.settings.logsCsv is written by one logger: set logger.replicas=1.
{{- end }}
{{- end }}
{{- range $component := list "publisher" "logger" }}
{{- with index $.Values $component }}
{{- if and .enabled .persistence.enabled (gt (int .replicas) 1) (not (has "ReadWriteMany" .persistence.accessModes)) }}
- >-
  {{ $component }}.replicas is {{ .replicas }}, and its claim may be mounted by one: set
  {{ $component }}.persistence.accessModes to ReadWriteMany, or replicas=1.
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.ingest.autoscaling }}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) }}
- >-
  ingest.autoscaling.minReplicas is above ingest.autoscaling.maxReplicas.
{{- end }}
{{- if and .enabled (not (or .targetCpuPercent .targetMemoryPercent)) }}
- >-
  ingest.autoscaling.enabled is true, and aims at nothing: set targetCpuPercent or targetMemoryPercent.
{{- end }}
{{- end }}
{{- with .Values.stylizer.scaling }}
{{- if and (ne .mode "none") (gt (int .minReplicas) (int .maxReplicas)) }}
- >-
  stylizer.scaling.minReplicas is above stylizer.scaling.maxReplicas.
{{- end }}
{{- end }}
{{- with .Values.daily }}
{{- if and .enabled (ge (int .followSeconds) (int .activeDeadlineSeconds)) }}
- >-
  daily.followSeconds is not below daily.activeDeadlineSeconds: a Job that only waits would be ended as a failed one.
{{- end }}
{{- end }}
{{- range $component := list "ingest" "preview" "publisher" "logger" }}
{{- with index $.Values $component }}
{{- if ge (int .drainSeconds) (int .terminationGracePeriodSeconds) }}
- >-
  {{ $component }}.drainSeconds is not below {{ $component }}.terminationGracePeriodSeconds, of which it is a part.
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Parts that are asked for and have nothing to do, or too much. */}}
{{- define "stylegram.partsAtOdds" -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) }}
- >-
  ingress.enabled is true, and ingress.hosts is empty: name a host.
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
- >-
  httpRoute.enabled is true, and httpRoute.parentRefs is empty: name the Gateway.
{{- end }}
{{- if and (eq (include "stylegram.variant" .) "cpu") (ne (include "stylegram.gpus" .) "0") }}
- >-
  stylizer.image.variant is cpu, and stylizer.gpu.count is above 0: the pods would hold GPUs that they cannot use.
{{- end }}
{{- with .Values.monitoring }}
{{- if and .serviceMonitor.enabled .podMonitor.enabled }}
- >-
  monitoring.serviceMonitor.enabled and monitoring.podMonitor.enabled are both true: every number would be read twice;
  choose one.
{{- end }}
{{- end }}
{{- $keeps := .Values.logger.settings }}
{{- if and .Values.forget.enabled (kindIs "invalid" $keeps.keepCurvesDays) (kindIs "invalid" $keeps.keepFailedDays) }}
- >-
  forget.enabled is true, and there is nothing to forget: set logger.settings.keepCurvesDays or keepFailedDays.
{{- end }}
{{- end -}}
