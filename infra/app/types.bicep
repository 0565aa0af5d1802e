// The types of what python -m triggers infra prints (triggers/deployment/parameters.py).
@export()
type schedulesType = {
  maximumInstanceCount: int
  settings: object
  hostContainers: string[]
  watchedAccounts: watchedAccountType[]
  subscriptions: subscriptionType[]
  renames: renamesType[]
}

@export()
type watchedAccountType = {
  connection: string
  accountName: string
  resourceGroup: string
  containers: string[]
  topicName: string
  topicResourceGroup: string
  createTopic: bool
}

@export()
type subscriptionType = {
  name: string
  schedule: string
  connection: string
  subjectBeginsWith: string
  subjectEndsWith: string
  subjectsNotBeginningWith: string[]
}

@export()
type renamesType = {
  connection: string
  subjectsBeginningWith: string[]
}
