using 'main.bicep'

// Values come from the environment: azd's, or a file of infra/parameters.
param environmentName = readEnvironmentVariable('AZURE_ENV_NAME')
param location = readEnvironmentVariable('AZURE_LOCATION')
param workspaceName = readEnvironmentVariable('AZUREML_WORKSPACE_NAME')
param workspaceResourceGroup = readEnvironmentVariable('AZUREML_RESOURCE_GROUP')
param workspaceRole = readEnvironmentVariable('WORKSPACE_ROLE', 'AzureML Data Scientist')
// int() has the type int, but the template allows only three sizes; triggers/deployment/problems.py checks the value.
var instanceMemory = readEnvironmentVariable('INSTANCE_MEMORY_MB', '2048')
param instanceMemoryMB = instanceMemory == '4096' ? 4096 : instanceMemory == '512' ? 512 : 2048
param threadsPerInstance = int(readEnvironmentVariable('THREADS_PER_INSTANCE', '16'))
param alwaysReadyInstances = int(readEnvironmentVariable('ALWAYS_READY_INSTANCES', '0'))
param storageSku = readEnvironmentVariable('STORAGE_SKU', 'Standard_LRS')
param storageDefaultAction = readEnvironmentVariable('STORAGE_DEFAULT_ACTION', 'Allow')
param logRetentionDays = int(readEnvironmentVariable('LOG_RETENTION_DAYS', '30'))
param alertEmail = readEnvironmentVariable('ALERT_EMAIL', '')
param oldestOpenRunMinutes = int(readEnvironmentVariable('OLDEST_OPEN_RUN_MINUTES', '60'))
param subnetId = readEnvironmentVariable('SUBNET_ID', '')

// The output of python -m triggers infra; azd runs it before provisioning, the pipelines before what-if.
param schedules = loadJsonContent('schedules.json')
