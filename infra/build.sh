#!/usr/bin/env bash
# Compiles and lints the templates with dummy parameters, without a sign-in; the pipelines run it.
set -euo pipefail
cd "$(dirname "$0")"
export AZURE_ENV_NAME=build AZURE_LOCATION=westeurope AZUREML_WORKSPACE_NAME=build AZUREML_RESOURCE_GROUP=build
export BLOBS_EXTENSION_KEY=build FUNCTION_APP_NAME=build FUNCTION_APP_HOST=build DEAD_LETTER_ACCOUNT_ID=build
export DEAD_LETTER_CONTAINER=build TOPIC_NAME=build TOPIC_CONNECTION=build
export AZURE_SUBSCRIPTION_ID=build AZURE_RESOURCE_GROUP=build
if [[ ! -e schedules.json ]]; then
    trap 'rm -f schedules.json' EXIT
    echo '{"maximumInstanceCount": 40, "settings": {}, "hostContainers": [], "watchedAccounts": [], "subscriptions": []}' > schedules.json
fi
for template in main app/event-subscriptions app/run-events; do
    az bicep build --file "$template.bicep" --stdout > /dev/null
    az bicep lint --file "$template.bicep"
    az bicep build-params --file "$template.bicepparam" --stdout > /dev/null
done
