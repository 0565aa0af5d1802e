#!/usr/bin/env bash
# Compiles and lints the templates with the Bicep of the Azure CLI; the pipelines run it, nothing is signed in.
set -euo pipefail
cd "$(dirname "$0")"
for template in main.bicep app/event-subscriptions.bicep; do
    az bicep build --file "$template" --stdout > /dev/null
    az bicep lint --file "$template"
done
