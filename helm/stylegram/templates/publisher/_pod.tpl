{{/* What only the publisher's pods have: what captions are made of, and what outlives the pods. */}}
{{- define "stylegram.publisher.folder" -}}/var/lib/stylegram/publisher{{- end -}}

{{/* The files of its captions, as a map; empty where all is as the publisher has it. */}}
{{- define "stylegram.publisher.captions" -}}
{{- with .Values.publisher.captions }}
{{- with .template }}
caption.txt: {{ . | quote }}
{{- end }}
{{- with .styleNames }}
style_names.json: {{ toPrettyJson . | quote }}
{{- end }}
{{- with .hashtags }}
{{- if or .always .styles (not (kindIs "invalid" .most)) }}
{{- $hashtags := dict "always" .always "styles" .styles }}
{{- if not (kindIs "invalid" .most) }}{{ $_ := set $hashtags "most" .most }}{{ end }}
hashtags.json: {{ toPrettyJson $hashtags | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "stylegram.publisher.pod" -}}
{{- $captions := include "stylegram.publisher.captions" . | fromYaml -}}
{{- $persistence := .Values.publisher.persistence -}}
{{- $setting := dict "caption.txt" "captionTemplate" "style_names.json" "styleNames" "hashtags.json" "hashtags" }}
environment:
  instagramSessionFile: {{ include "stylegram.publisher.folder" . }}/instagram-session.json
  {{- range $file, $_ := $captions }}
  {{ get $setting $file }}: /etc/stylegram/captions/{{ $file }}
  {{- end }}
{{- with $captions }}
annotations:
  checksum/captions: {{ toYaml . | sha256sum }}
{{- end }}
volumes:
  {{- if $captions }}
  - {name: captions, configMap: {name: {{ include "stylegram.fullname" . }}-captions}}
  {{- end }}
  - name: publisher
    {{- if $persistence.enabled }}
    persistentVolumeClaim:
      claimName: {{ $persistence.existingClaim | default (printf "%s-publisher" (include "stylegram.fullname" .)) }}
    {{- else }}
    emptyDir: {}
    {{- end }}
volumeMounts:
  {{- if $captions }}
  - {name: captions, mountPath: /etc/stylegram/captions, readOnly: true}
  {{- end }}
  - {name: publisher, mountPath: {{ include "stylegram.publisher.folder" . }}}
{{- end -}}
