{{/*
The Deployment of one actor. Takes a dict:
  root, actor, args (list), configKey, config (text, for the restart on change), env (text), settings (resources and placement),
  chain and dex (or ""), replicas, strategy, port (or 0), metrics (9464 serves health and metrics; without it, the page's own port says that it lives), wallet (Secret's settings or {}).
*/}}
{{- define "hyperspeed.actor" -}}
{{- $root := .root -}}
{{- $name := include "hyperspeed.partName" (list $root .chain .actor .dex) -}}
{{- $credentials := and (not $root.Values.nats.bundled.enabled) $root.Values.nats.external.existingSecret }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}
  labels:
    {{- include "hyperspeed.labels" $root | nindent 4 }}
    {{- include "hyperspeed.actorLabels" . | nindent 4 }}
spec:
  replicas: {{ .replicas }}
  revisionHistoryLimit: {{ $root.Values.revisionHistoryLimit }}
  strategy:
    type: {{ .strategy }}
    {{- if eq .strategy "RollingUpdate" }}
    # The old pod works until the new one is ready.
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 0
    {{- end }}
  selector:
    matchLabels:
      {{- include "hyperspeed.selectorLabels" $root | nindent 6 }}
      {{- include "hyperspeed.actorLabels" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- with $root.Values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        {{- include "hyperspeed.labels" $root | nindent 8 }}
        {{- include "hyperspeed.actorLabels" . | nindent 8 }}
      annotations:
        checksum/config: {{ sha256sum .config }}
        {{- with $root.Values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "hyperspeed.serviceAccountName" $root }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ $root.Values.terminationGracePeriodSeconds }}
      {{- with $root.Values.imagePullSecrets }}
      imagePullSecrets:
        {{- range . }}
        - name: {{ . }}
        {{- end }}
      {{- end }}
      {{- with $root.Values.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      securityContext:
        {{- include "hyperspeed.podSecurityContext" $root | nindent 8 }}
      containers:
        - name: {{ .actor }}
          image: {{ include "hyperspeed.image" $root }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          args:
            {{- range .args }}
            - {{ . | quote }}
            {{- end }}
          env:
            - name: NODE_ENV
              value: production
            - name: HS_LOG_LEVEL
              value: {{ $root.Values.logLevel | quote }}
            {{- with $root.Values.otlpEndpoint }}
            - name: OTEL_EXPORTER_OTLP_ENDPOINT
              value: {{ . | quote }}
            {{- end }}
            {{- with trim .env }}
            {{- . | nindent 12 }}
            {{- end }}
            {{- with concat $root.Values.extraEnv (default list .settings.extraEnv) }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          ports:
            {{- if .metrics }}
            - name: metrics
              containerPort: 9464
              protocol: TCP
            {{- end }}
            {{- if .port }}
            - name: http
              containerPort: {{ .port }}
              protocol: TCP
            {{- end }}
          {{- $live := ternary "{ path: /healthz, port: metrics }" "{ path: /config.json, port: http }" .metrics }}
          {{- $ready := ternary "{ path: /readyz, port: metrics }" "{ path: /config.json, port: http }" .metrics }}
          # Start: the process answers. Live: its event loop turns, whatever NATS or the RPC endpoint do. Ready: caught up and not draining.
          startupProbe:
            httpGet: {{ $live }}
            periodSeconds: 2
            failureThreshold: 60
          livenessProbe:
            httpGet: {{ $live }}
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          readinessProbe:
            httpGet: {{ $ready }}
            periodSeconds: 5
            timeoutSeconds: 3
            failureThreshold: 2
          resources:
            {{- toYaml .settings.resources | nindent 12 }}
          securityContext:
            {{- include "hyperspeed.containerSecurityContext" $root | nindent 12 }}
          volumeMounts:
            - name: config
              mountPath: /etc/hyperspeed
              readOnly: true
            - name: tmp
              mountPath: /tmp
            {{- if .wallet.existingSecret }}
            - name: wallet
              mountPath: /run/secrets/hyperspeed/wallet
              readOnly: true
            {{- end }}
            {{- if $credentials }}
            - name: nats-credentials
              mountPath: /run/secrets/hyperspeed/nats
              readOnly: true
            {{- end }}
      volumes:
        - name: config
          configMap:
            name: {{ include "hyperspeed.partName" (list $root "config") }}
            items:
              - key: {{ .configKey }}
                path: config.yaml
        - name: tmp
          emptyDir:
            sizeLimit: 256Mi
        {{- if .wallet.existingSecret }}
        - name: wallet
          secret:
            secretName: {{ .wallet.existingSecret }}
            # 0440, as a decimal: readable by the pod's group and nobody else.
            defaultMode: 288
            items:
              - key: {{ default "keystore.json" .wallet.keystoreKey }}
                path: keystore.json
              - key: {{ default "password" .wallet.passwordKey }}
                path: password
        {{- end }}
        {{- if $credentials }}
        - name: nats-credentials
          secret:
            secretName: {{ $root.Values.nats.external.existingSecret }}
            defaultMode: 288
            items:
              - key: {{ $root.Values.nats.external.credentialsKey }}
                path: nats.creds
        {{- end }}
      {{- if $root.Values.topologySpread.enabled }}
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: {{ $root.Values.topologySpread.topologyKey }}
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              {{- include "hyperspeed.selectorLabels" $root | nindent 14 }}
              {{- include "hyperspeed.actorLabels" . | nindent 14 }}
      {{- end }}
      {{- with .settings.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .settings.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .settings.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- if and $root.Values.podDisruptionBudget.enabled (gt (int .pdbReplicas) 1) }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $name }}
  labels:
    {{- include "hyperspeed.labels" $root | nindent 4 }}
    {{- include "hyperspeed.actorLabels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "hyperspeed.selectorLabels" $root | nindent 6 }}
      {{- include "hyperspeed.actorLabels" . | nindent 6 }}
{{- end }}
{{- end -}}

{{- define "hyperspeed.actorLabels" -}}
app.kubernetes.io/component: {{ .actor }}
{{- with .chain }}
hyperspeed/chain: {{ . | quote }}
{{- end }}
{{- with .dex }}
hyperspeed/dex: {{ . | quote }}
{{- end }}
{{- end -}}
