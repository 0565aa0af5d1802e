// The whole app: its resource group, and its permissions in the workspace and the watched storage accounts.
// Event subscriptions are created later, by infra/connect_events.py: their webhook's key exists only once the app runs.
targetScope = 'subscription'

import { schedulesType } from 'app/types.bicep'

@description('The name of the environment; the resource group is rg-pipeline-triggers-<environmentName>.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('The region of the app; the workspace may be in another.')
@minLength(1)
param location string

@description('The Azure ML workspace whose pipelines are started.')
@minLength(3)
@maxLength(33)
param workspaceName string

@description('Its resource group, in the same subscription.')
@minLength(1)
@maxLength(90)
param workspaceResourceGroup string

@description('The app\'s role in the workspace: a built-in one, or a custom one with only the actions that a submission needs.')
@allowed(['AzureML Data Scientist', 'custom'])
param workspaceRole string = 'AzureML Data Scientist'

@description('The output of python -m triggers infra.')
param schedules schedulesType

@description('The memory of each instance.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('How many functions an instance runs at a time.')
@minValue(1)
@maxValue(100)
param threadsPerInstance int = 16

@description('Always-ready instances; with 0 the app scales to zero, and the first event after that may be lost.')
@minValue(0)
@maxValue(20)
param alwaysReadyInstances int = 0

@description('The SKU of the app\'s own account, which holds the ledger; zone redundancy is not available everywhere.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param storageSku string = 'Standard_LRS'

@description('The default action of its firewall; with Deny the app needs a subnet with private endpoints.')
@allowed(['Allow', 'Deny'])
param storageDefaultAction string = 'Allow'

@description('How many days logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30

@description('The address that receives the alerts; if empty, they are only shown in the portal.')
param alertEmail string = ''

@description('An alert fires if a run has not been accepted for longer.')
@minValue(15)
@maxValue(1440)
param oldestOpenRunMinutes int = 60

@description('A subnet delegated to Microsoft.App/environments, through which the app reaches private endpoints; empty for none.')
param subnetId string = ''

var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
var groupName = 'rg-pipeline-triggers-${environmentName}'
var functionAppName = 'func-${token}'
var hostTopicName = 'evgt-${token}-host'
var watchesHostStorage = !empty(schedules.hostContainers)

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: groupName
  location: location
  tags: tags
}

module identity 'app/identity.bicep' = {
  scope: group
  params: {
    name: 'id-${token}'
    location: location
    tags: tags
  }
}

module hostStorage 'app/host-storage.bicep' = {
  scope: group
  params: {
    name: 'st${token}'
    location: location
    tags: tags
    principalId: identity.outputs.principalId
    sku: storageSku
    defaultAction: storageDefaultAction
    watchedContainers: schedules.hostContainers
  }
}

module monitoring 'app/monitoring.bicep' = {
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    principalId: identity.outputs.principalId
    retentionDays: logRetentionDays
  }
}

module workspace 'app/workspace-role.bicep' = {
  scope: resourceGroup(workspaceResourceGroup)
  params: {
    workspaceName: workspaceName
    role: workspaceRole
    principalId: identity.outputs.principalId
  }
}

module watchedAccounts 'app/watched-account.bicep' = [
  for account in schedules.watchedAccounts: {
    name: 'watched-${account.connection}'
    scope: resourceGroup(account.resourceGroup)
    params: {
      accountName: account.accountName
      containers: account.containers
      principalId: identity.outputs.principalId
    }
  }
]

module functionApp 'app/function-app.bicep' = {
  scope: group
  params: {
    name: functionAppName
    planName: 'plan-${token}'
    location: location
    tags: tags
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    storageName: hostStorage.outputs.name
    deploymentContainer: hostStorage.outputs.deploymentContainer
    applicationInsightsConnectionString: monitoring.outputs.connectionString
    settings: schedules.settings
    watchedAccounts: schedules.watchedAccounts
    maximumInstanceCount: schedules.maximumInstanceCount
    instanceMemoryMB: instanceMemoryMB
    threadsPerInstance: threadsPerInstance
    alwaysReadyInstances: alwaysReadyInstances
    subnetId: subnetId
  }
  // If the identity got its roles after the app has started, it would be denied access for minutes.
  dependsOn: [workspace, watchedAccounts]
}

module topics 'app/event-topic.bicep' = [
  for (account, index) in schedules.watchedAccounts: {
    name: 'topic-${account.connection}'
    scope: resourceGroup(account.createTopic ? groupName : account.topicResourceGroup)
    params: {
      name: account.topicName
      create: account.createTopic
      location: watchedAccounts[index].outputs.location
      tags: tags
      accountId: watchedAccounts[index].outputs.id
    }
    dependsOn: [group]
  }
]

module hostTopic 'app/event-topic.bicep' = if (watchesHostStorage) {
  name: 'topic-host'
  scope: group
  params: {
    name: hostTopicName
    create: true
    location: location
    tags: tags
    accountId: hostStorage.outputs.id
  }
}

module deadLetterRoles 'app/dead-letter-role.bicep' = [
  for (account, index) in schedules.watchedAccounts: {
    name: 'dead-letters-${account.connection}'
    scope: group
    params: {
      storageName: hostStorage.outputs.name
      container: hostStorage.outputs.deadLetterContainer
      principalId: topics[index].outputs.principalId
    }
  }
]

module hostDeadLetterRole 'app/dead-letter-role.bicep' = if (watchesHostStorage) {
  name: 'dead-letters-host'
  scope: group
  params: {
    storageName: hostStorage.outputs.name
    container: hostStorage.outputs.deadLetterContainer
    principalId: hostTopic!.outputs.principalId
  }
}

module alerts 'app/alerts.bicep' = {
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    functionAppName: functionAppName
    email: alertEmail
    oldestOpenRunMinutes: oldestOpenRunMinutes
  }
}

module topicAlerts 'app/topic-alerts.bicep' = [
  for (account, index) in schedules.watchedAccounts: {
    name: 'topic-alerts-${account.connection}'
    scope: group
    params: {
      prefix: '${token}-${toLower(account.connection)}'
      tags: tags
      topicId: topics[index].outputs.id
      subscriptions: map(
        filter(schedules.subscriptions, one => one.connection == account.connection),
        one => '${functionAppName}-${one.name}'
      )
      actionGroupIds: alerts.outputs.actionGroupIds
    }
  }
]

module hostTopicAlerts 'app/topic-alerts.bicep' = if (watchesHostStorage) {
  name: 'topic-alerts-host'
  scope: group
  params: {
    prefix: '${token}-host'
    tags: tags
    topicId: hostTopic!.outputs.id
    subscriptions: map(
      filter(schedules.subscriptions, one => one.connection == 'AzureWebJobsStorage'),
      one => '${functionAppName}-${one.name}'
    )
    actionGroupIds: alerts.outputs.actionGroupIds
  }
}

output AZURE_RESOURCE_GROUP string = group.name
output FUNCTION_APP_NAME string = functionApp.outputs.name
output FUNCTION_APP_HOST string = functionApp.outputs.hostName
output DASHBOARD_URL string = 'https://${functionApp.outputs.hostName}/api/dashboard'
output STORAGE_NAME string = hostStorage.outputs.name
output STORAGE_TABLE_URL string = 'https://${hostStorage.outputs.name}.table.${environment().suffixes.storage}'
output STORAGE_BLOB_URL string = 'https://${hostStorage.outputs.name}.blob.${environment().suffixes.storage}'
output DEAD_LETTER_ACCOUNT_ID string = hostStorage.outputs.id
output DEAD_LETTER_CONTAINER string = hostStorage.outputs.deadLetterContainer
output EVENT_TOPICS array = concat(
  map(schedules.watchedAccounts, account => {
    connection: account.connection
    name: account.topicName
    resourceGroup: account.createTopic ? groupName : account.topicResourceGroup
  }),
  watchesHostStorage
    ? [{ connection: 'AzureWebJobsStorage', name: hostTopicName, resourceGroup: groupName }]
    : []
)
