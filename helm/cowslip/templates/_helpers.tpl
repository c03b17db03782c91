{{- define "cowslip.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" }}
{{- end }}

{{/* 52 characters: a StatefulSet's name goes, with a hash, into a label of its pods. */}}
{{- define "cowslip.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains (include "cowslip.name" .) .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "cowslip.name" .) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "cowslip.headlessName" -}}
{{- printf "%s-headless" (include "cowslip.fullname" .) }}
{{- end }}

{{- define "cowslip.selectorLabels" -}}
app.kubernetes.io/name: {{ include "cowslip.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "cowslip.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "cowslip.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "cowslip.serviceAccountName" -}}
{{- default (ternary (include "cowslip.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{- define "cowslip.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* What the chart alone decides of the service's configuration. */}}
{{- define "cowslip.ownConfig" -}}
server:
  address: 0.0.0.0
  port: {{ .Values.ports.http }}
  shutdown: graceful
spring:
  {{- if .Values.propertiesSecret }}
  config:
    import: configtree:/etc/cowslip-properties/
  {{- end }}
  lifecycle:
    timeout-per-shutdown-phase: {{ .Values.shutdown.timeoutSeconds }}s
management:
  server:
    address: 0.0.0.0
    port: {{ .Values.ports.management }}
  endpoint:
    health:
      probes:
        enabled: true
  endpoints:
    web:
      exposure:
        include: {{ .Values.management.endpoints | toJson }}
cowslip:
  {{- toYaml .Values.config | nindent 2 }}
{{- end }}

{{- define "cowslip.config" -}}
{{- toYaml (mergeOverwrite (deepCopy .Values.springConfig) (include "cowslip.ownConfig" . | fromYaml)) }}
{{- end }}

{{/* What the schema cannot say: how one value stands to another. */}}
{{- define "cowslip.checkValues" -}}
{{- $mount := printf "%s/" (trimSuffix "/" .Values.persistence.mountPath) }}
{{- range $name := list "image-root" "data" }}
{{- $folder := get $.Values.config $name }}
{{- if not (hasPrefix $mount (printf "%s/" (trimSuffix "/" $folder))) }}
{{- fail (printf "config.%s is %s, which is not in the volume: persistence.mountPath is %s" $name $folder $.Values.persistence.mountPath) }}
{{- end }}
{{- end }}
{{- with .Values.shutdown }}
{{- if le (int .gracePeriodSeconds) (add .preStopSeconds .timeoutSeconds | int) }}
{{- fail (printf "shutdown.gracePeriodSeconds is %d, and must be more than preStopSeconds and timeoutSeconds together, %d: images are closed after these" (int .gracePeriodSeconds) (add .preStopSeconds .timeoutSeconds)) }}
{{- end }}
{{- end }}
{{- if eq (int .Values.ports.http) (int .Values.ports.management) }}
{{- fail (printf "ports.http and ports.management are both %d: who may reach the one need not reach the other" (int .Values.ports.http)) }}
{{- end }}
{{- $security := default dict (get .Values.config "security") }}
{{- $waived := eq (dig "authentication" "auto" $security) "none" }}
{{- $tokens := dig "spring" "security" "oauth2" "resourceserver" "jwt" dict .Values.springConfig }}
{{- $asked := or (get $security "api-keys") $tokens .Values.propertiesSecret }}
{{- if not (or $waived $asked) }}
{{- fail "config.security says nothing of who may call: give api-keys, or tokens by springConfig, or a propertiesSecret with either, or authentication: none, which lets everybody who reaches the service do everything" }}
{{- end }}
{{- if and $waived (or (get $security "api-keys") $tokens) }}
{{- fail "config.security has authentication: none, and there are keys or tokens as well, which nobody would be asked for" }}
{{- end }}
{{- end }}
