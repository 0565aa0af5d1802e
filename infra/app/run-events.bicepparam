using 'run-events.bicep'

param workspaceName = readEnvironmentVariable('AZUREML_WORKSPACE_NAME')
param functionAppName = readEnvironmentVariable('FUNCTION_APP_NAME')
param functionAppId = '/subscriptions/${readEnvironmentVariable('AZURE_SUBSCRIPTION_ID')}/resourceGroups/${readEnvironmentVariable('AZURE_RESOURCE_GROUP')}/providers/Microsoft.Web/sites/${readEnvironmentVariable('FUNCTION_APP_NAME')}'
