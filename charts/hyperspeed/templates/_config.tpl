{{/*
The configuration file of libs/chains/system-config.ts. Secrets stay out of it: `env:NAME` strings are filled from the pod's environment,
which `hyperspeed.chainEnv` fills from Secrets. Each chain's actors get a file with that chain alone, so that they need no other chain's
secrets and are not restarted by its changes. The gateway, which the outside reaches, gets all chains without any secret: it reads NATS
only. The dashboard gets no chain.
*/}}

{{- define "hyperspeed.envName" -}}
{{- upper . | replace "-" "_" -}}
{{- end -}}

{{/* Takes (dict key chain withSecrets); JSON of the chain's section. Without secrets there is no way to the chain: a name that resolves nowhere stands for it. */}}
{{- define "hyperspeed.chainSection" -}}
{{- $chain := .chain -}}
{{- $envKey := include "hyperspeed.envName" .key -}}
{{- $rpc := list "http://no-rpc-for-this-actor.invalid" -}}
{{- if .withSecrets }}{{ $rpc = list }}
{{- range $index, $endpoint := $chain.rpc -}}
{{- $url := $endpoint.url | default (printf "env:HS_RPC_%s_%d" $envKey $index) -}}
{{- $known := omit $endpoint "url" "existingSecret" "key" -}}
{{- if $known }}{{ $rpc = append $rpc (merge (dict "url" $url) $known) }}{{ else }}{{ $rpc = append $rpc $url }}{{ end -}}
{{- end -}}
{{- end -}}
{{- $section := dict "rpc" $rpc "mode" (default "paper" $chain.mode) -}}
{{- if and .withSecrets $chain.rpcQuorum }}{{ $_ := set $section "rpcQuorum" $chain.rpcQuorum }}{{ end -}}
{{- with $chain.definition }}{{ $_ := set $section "definition" (merge (dict "key" $.key) .) }}{{ end -}}
{{- if (default dict $chain.wallet).existingSecret -}}
{{- $_ := set $section "wallet" (dict "keystoreFile" "/run/secrets/hyperspeed/wallet/keystore.json" "passwordFile" "/run/secrets/hyperspeed/wallet/password") -}}
{{- end -}}
{{- with $chain.executorContract }}{{ $_ := set $section "executorContract" (lower .) }}{{ end -}}
{{- with $chain.dexes }}{{ $_ := set $section "dexes" . }}{{ end -}}
{{- with $chain.admission }}{{ $_ := set $section "admission" . }}{{ end -}}
{{- with $chain.minNetProfitWei }}{{ $_ := set $section "minNetProfitWei" . }}{{ end -}}
{{- with (default dict $chain.solver).search }}{{ $_ := set $section "solver" . }}{{ end -}}
{{- with (default dict $chain.scorer).model }}{{ $_ := set $section "scorer" . }}{{ end -}}
{{- with (default dict $chain.trainer).learning }}{{ $_ := set $section "trainer" . }}{{ end -}}
{{- if and .withSecrets $chain.relays -}}
{{- $relays := list -}}
{{- range $chain.relays -}}
{{- $url := .url | default (printf "env:HS_RELAY_%s_%s" $envKey (include "hyperspeed.envName" .name)) -}}
{{- $relays = append $relays (dict "name" .name "url" $url) -}}
{{- end -}}
{{- $_ := set $section "relays" $relays -}}
{{- end -}}
{{- $section | toJson -}}
{{- end -}}

{{/* Takes (dict root chains withSecrets): the chains by key. */}}
{{- define "hyperspeed.systemConfig" -}}
{{- $root := .root -}}
{{- $nats := dict -}}
{{- if $root.Values.nats.bundled.enabled -}}
{{- $_ := set $nats "servers" (list (printf "nats://%s:4222" (include "hyperspeed.partName" (list $root "nats")))) -}}
{{- else -}}
{{- $_ := set $nats "servers" $root.Values.nats.external.servers -}}
{{- if $root.Values.nats.external.existingSecret }}{{ $_ := set $nats "credentialsFile" "/run/secrets/hyperspeed/nats/nats.creds" }}{{ end -}}
{{- end -}}
{{- $scheme := ternary "https" "http" (ne $root.Values.ingress.tlsSecret "") -}}
{{- $origin := printf "%s://%s" $scheme $root.Values.ingress.host -}}
{{- $origins := $root.Values.gateway.corsOrigins -}}
{{- /* The page and the gateway under one host; without one, as `kubectl port-forward` of both Services makes them appear. */ -}}
{{- $apiUrl := printf "http://127.0.0.1:%d" (int $root.Values.gateway.service.port) -}}
{{- if $root.Values.ingress.enabled -}}
{{- $apiUrl = "/" -}}
{{- $origins = append $origins $origin | uniq -}}
{{- else -}}
{{- $origins = append $origins (printf "http://127.0.0.1:%d" (int $root.Values.dashboard.service.port)) | uniq -}}
{{- end -}}
{{- if $root.Values.dashboard.apiUrl }}{{ $apiUrl = $root.Values.dashboard.apiUrl }}{{ end -}}
{{- $chains := dict -}}
{{- range $key, $chain := .chains }}{{ $_ := set $chains $key (include "hyperspeed.chainSection" (dict "key" $key "chain" $chain "withSecrets" $.withSecrets) | fromJson) }}{{ end -}}
{{- $config := dict "nats" $nats "chains" $chains "http" (dict "host" "0.0.0.0" "port" 9464) -}}
{{- $_ := set $config "gateway" (dict "host" "0.0.0.0" "port" 3001 "corsOrigins" $origins) -}}
{{- $_ := set $config "dashboard" (dict "host" "0.0.0.0" "port" 3000 "apiUrl" $apiUrl) -}}
{{- /* JSON, which is YAML: toYaml leaves 40-digit addresses unquoted, and other readers than Go's take those for numbers. */ -}}
{{- $config | toPrettyJson -}}
{{- end -}}

{{/* The environment that a chain's section refers to. Takes (dict key chain); a list of env entries. */}}
{{- define "hyperspeed.chainEnv" -}}
{{- $envKey := include "hyperspeed.envName" .key -}}
{{- range $index, $endpoint := .chain.rpc }}
{{- if $endpoint.existingSecret }}
- name: HS_RPC_{{ $envKey }}_{{ $index }}
  valueFrom:
    secretKeyRef:
      name: {{ $endpoint.existingSecret }}
      key: {{ $endpoint.key }}
{{- end }}
{{- end }}
{{- range .chain.relays }}
{{- if .existingSecret }}
- name: HS_RELAY_{{ $envKey }}_{{ include "hyperspeed.envName" .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret }}
      key: {{ .key }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Chains that are on, by key, as JSON. */}}
{{- define "hyperspeed.enabledChains" -}}
{{- $chains := dict -}}
{{- range $key, $chain := .Values.chains -}}
{{- if or (not (hasKey $chain "enabled")) $chain.enabled }}{{ $_ := set $chains $key $chain }}{{ end -}}
{{- end -}}
{{- $chains | toJson -}}
{{- end -}}
