{{/* Which secrets who sees, as files: never in the environment. */}}

{{- define "stylegram.secretsFolder" -}}/etc/stylegram/secrets{{- end -}}

{{- define "stylegram.tokensSecret" -}}
{{- .Values.tokens.existingSecret | default (printf "%s-tokens" (include "stylegram.fullname" .)) -}}
{{- end -}}

{{/* Whether the chart makes the Secret of tokens: `true` or nothing. */}}
{{- define "stylegram.createsTokens" -}}
{{- if and (not .Values.tokens.existingSecret) (or .Values.tokens.create (eq .Values.profile "demo")) -}}true{{- end -}}
{{- end -}}

{{- define "stylegram.demoSecret" -}}{{ include "stylegram.fullname" . }}-demo{{- end -}}

{{/*
A secret of ours: what the Secret in the cluster has, else what chance says; within one rendering always the same.
Arguments: root, secret, key.
*/}}
{{- define "stylegram.kept" -}}
{{- if not (hasKey .root "kept") -}}{{- $_ := set .root "kept" dict -}}{{- end -}}
{{- $id := printf "%s/%s" .secret .key -}}
{{- if not (hasKey .root.kept $id) -}}
{{- $there := lookup "v1" "Secret" .root.Release.Namespace .secret | default dict -}}
{{- $value := dig "data" .key "" $there | b64dec | default (randAlphaNum 40) -}}
{{- $_ := set .root.kept $id $value -}}
{{- end -}}
{{- get .root.kept $id -}}
{{- end -}}

{{/*
A Secret with a URL, and its key. Arguments: root, ref (what the values say), demo (key in the demo's Secret).
*/}}
{{- define "stylegram.urlRef" -}}
{{- if .ref.existingSecret -}}
secret: {{ .ref.existingSecret }}
key: {{ .ref.key }}
{{- else -}}
secret: {{ include "stylegram.demoSecret" .root }}
key: {{ .demo }}
{{- end -}}
{{- end -}}

{{- define "stylegram.brokerRef" -}}
{{- include "stylegram.urlRef" (dict "root" . "ref" .Values.broker "demo" "broker-url") -}}
{{- end -}}

{{/* KEDA's way to the broker. */}}
{{- define "stylegram.managementRef" -}}
{{- include "stylegram.urlRef" (dict "root" . "ref" .Values.broker.management "demo" "management-url") -}}
{{- end -}}

{{/*
The database of a component, as a secret of the list below: its own where it has one. Arguments: root, component;
owner (values of a role that wins, where it has a Secret).
*/}}
{{- define "stylegram.databaseSecret" -}}
{{- $chosen := .root.Values.database -}}
{{- range $ref := list (index .root.Values .component).database (.owner | default dict) -}}
{{- if $ref.existingSecret -}}{{- $chosen = $ref -}}{{- end -}}
{{- end -}}
file: database-url
variables: [STYLEGRAM_DATABASE_URL_FILE]
{{ include "stylegram.urlRef" (dict "root" .root "ref" $chosen "demo" "database-url") }}
{{- end -}}

{{/*
The secrets of a component, as a list: `file` in the folder of secrets, `secret` and `key` where it is from, `variables`
that name the file. Arguments: root, component. Use with fromYamlArray.
*/}}
{{- define "stylegram.secrets" -}}
{{- $root := .root -}}
{{- $values := .root.Values -}}
{{- $needs := index (include "stylegram.components" .root | fromYaml) .component -}}
{{- $tokens := include "stylegram.tokensSecret" .root -}}
{{- if $needs.broker }}
- file: broker-url
  variables: [STYLEGRAM_BROKER_URL_FILE]
  {{- include "stylegram.brokerRef" $root | nindent 2 }}
{{- with $values.broker.tls }}
{{- if and .existingSecret .caKey }}
- {file: broker-ca.crt, secret: {{ .existingSecret }}, key: {{ .caKey }}, variables: [STYLEGRAM_BROKER_CA_FILE]}
{{- end }}
{{- if and .existingSecret .certKey }}
- {file: broker.crt, secret: {{ .existingSecret }}, key: {{ .certKey }}, variables: [STYLEGRAM_BROKER_CERT_FILE]}
{{- end }}
{{- if and .existingSecret .keyKey }}
- {file: broker.key, secret: {{ .existingSecret }}, key: {{ .keyKey }}, variables: [STYLEGRAM_BROKER_KEY_FILE]}
{{- end }}
{{- end }}
{{- end }}
{{- if $needs.database }}
- {{ include "stylegram.databaseSecret" . | nindent 2 | trim }}
{{- end }}
{{- with $values.storage.credentials }}
{{- if and $needs.storage .existingSecret }}
- {file: storage.json, secret: {{ .existingSecret }}, key: {{ .key }}, variables: [STYLEGRAM_STORAGE_CREDENTIALS_FILE]}
{{- end }}
{{- end }}
{{- if eq .component "ingest" }}
- {file: api-tokens, secret: {{ $tokens }}, key: {{ $values.tokens.apiKey }}, variables: [STYLEGRAM_API_TOKENS_FILE]}
- file: internal-token
  secret: {{ $tokens }}
  key: {{ $values.tokens.internalKey }}
  variables: [STYLEGRAM_LOGGER_TOKEN_FILE, STYLEGRAM_PUBLISHER_TOKEN_FILE, STYLEGRAM_PREVIEW_TOKEN_FILE]
{{- with $values.ingest.drive }}
{{- if .existingSecret }}
- {file: drive.json, secret: {{ .existingSecret }}, key: {{ .key }}, variables: [STYLEGRAM_DRIVE_CREDENTIALS_FILE]}
{{- end }}
{{- end }}
{{- else if $needs.port }}
- file: api-tokens
  secret: {{ $tokens }}
  key: {{ $values.tokens.internalKey }}
  variables: [STYLEGRAM_API_TOKENS_FILE]
{{- end }}
{{- if eq .component "publisher" }}
{{- with $values.publisher.login }}
{{- if .existingSecret }}
- {file: login.json, secret: {{ .existingSecret }}, key: {{ .key }}, variables: [STYLEGRAM_INSTAGRAM_LOGIN_FILE]}
{{- end }}
{{- end }}
{{- with $values.publisher.graph }}
{{- if .existingSecret }}
- {file: graph-token, secret: {{ .existingSecret }}, key: {{ .key }}, variables: [STYLEGRAM_GRAPH_TOKEN_FILE]}
{{- end }}
{{- end }}
{{- with $values.publisher.proxy }}
{{- if .existingSecret }}
- {file: instagram-proxy, secret: {{ .existingSecret }}, key: {{ .key }}, variables: [STYLEGRAM_INSTAGRAM_PROXY_FILE]}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The variables that name the files of a list as above, as a map. */}}
{{- define "stylegram.secretVariables" -}}
{{- range . }}
{{- $file := .file }}
{{- range .variables }}
{{ . }}: {{ include "stylegram.secretsFolder" $ }}/{{ $file }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The volume with the files of a list as above. */}}
{{- define "stylegram.secretsVolume" -}}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range . }}
      - secret:
          name: {{ .secret }}
          items:
            - key: {{ .key }}
              path: {{ .file }}
      {{- end }}
{{- end -}}

{{/* Where a container sees them. */}}
{{- define "stylegram.secretsMount" -}}
- name: secrets
  mountPath: {{ include "stylegram.secretsFolder" . }}
  readOnly: true
{{- end -}}

{{/* Digest of what the chart itself makes of secrets, so that pods are made anew when it changes. */}}
{{- define "stylegram.madeSecretsDigest" -}}
{{- $made := list -}}
{{- if include "stylegram.createsTokens" . -}}{{- $made = append $made (include "stylegram.tokens" .) -}}{{- end -}}
{{- if eq .Values.profile "demo" -}}{{- $made = append $made (include "stylegram.demoSecrets" .) -}}{{- end -}}
{{- if $made -}}{{- $made | join "\n" | sha256sum -}}{{- end -}}
{{- end -}}
