// The system topic of a watched account. Azure allows one per account, so an existing one is used as it is.
param name string
param create bool
param location string
param tags object
param accountId string

resource created 'Microsoft.EventGrid/systemTopics@2025-02-15' = if (create) {
  name: name
  location: location
  tags: tags
  identity: { type: 'SystemAssigned' }
  properties: {
    source: accountId
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}

resource found 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = if (!create) {
  name: name
}

output id string = resourceId('Microsoft.EventGrid/systemTopics', name)
output principalId string = create ? created!.identity.principalId : found!.identity.principalId
