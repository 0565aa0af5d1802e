// The app on a Flex Consumption plan; one plan holds one app.
param name string
param planName string
param location string
param tags object
param identityId string
param identityClientId string
param storageName string
param deploymentContainer string

@secure()
param applicationInsightsConnectionString string

@description('App settings of the environment: those that schedules.yaml refers to, and the app\'s own.')
param settings object

@description('The watched storage accounts, by the prefix of their app settings.')
param watchedAccounts object[]

param maximumInstanceCount int
param instanceMemoryMB int
param threadsPerInstance int

@description('Always-ready instances, for Event Grid\'s webhook and the functions that it starts; 0 for none.')
param alwaysReadyInstances int

param subnetId string

var suffix = environment().suffixes.storage

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'triggers' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      ftpsState: 'Disabled'
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: 'https://${storageName}.blob.${suffix}/${deploymentContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: '3.12'
      }
      scaleAndConcurrency: {
        alwaysReady: alwaysReadyInstances == 0
          ? []
          : [
              { name: 'http', instanceCount: alwaysReadyInstances }
              { name: 'blob', instanceCount: alwaysReadyInstances }
            ]
        maximumInstanceCount: maximumInstanceCount
        instanceMemoryMB: instanceMemoryMB
      }
    }
  }

  resource appSettings 'config' = {
    name: 'appsettings'
    properties: union(
      reduce(
        map(watchedAccounts, account => {
          '${account.connection}__blobServiceUri': 'https://${account.accountName}.blob.${suffix}'
          '${account.connection}__queueServiceUri': 'https://${account.accountName}.queue.${suffix}'
          '${account.connection}__credential': 'managedidentity'
          '${account.connection}__clientId': identityClientId
        }),
        {},
        (all, one) => union(all, one)
      ),
      settings,
      {
        AzureWebJobsStorage__blobServiceUri: 'https://${storageName}.blob.${suffix}'
        AzureWebJobsStorage__queueServiceUri: 'https://${storageName}.queue.${suffix}'
        AzureWebJobsStorage__tableServiceUri: 'https://${storageName}.table.${suffix}'
        AzureWebJobsStorage__credential: 'managedidentity'
        AzureWebJobsStorage__clientId: identityClientId
        APPLICATIONINSIGHTS_CONNECTION_STRING: applicationInsightsConnectionString
        APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
        AZURE_CLIENT_ID: identityClientId
        // Event Grid sends at most 1 MB. Without a limit, anyone could fill an instance's memory through the public page.
        FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '2097152'
        PYTHON_THREADPOOL_THREAD_COUNT: string(threadsPerInstance)
      }
    )
  }

  // The package is deployed with an identity, so passwords are turned off.
  resource scmPassword 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }

  resource ftpPassword 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }
}

output name string = app.name
output hostName string = app.properties.defaultHostName
