-- Health of a ProtectedDisk by its conditions, which follow kstatus: Stalled, then Reconciling, then Ready.
local health = {status = "Progressing", message = "Waiting for azdiskbackup to look at it"}
local status = obj.status
if status == nil or status.conditions == nil then
  return health
end
if status.observedGeneration ~= nil and status.observedGeneration ~= obj.metadata.generation then
  health.message = "Waiting for azdiskbackup to look at the newest spec"
  return health
end
local found = {}
for _, condition in ipairs(status.conditions) do
  found[condition.type] = condition
end
if found.Stalled ~= nil and found.Stalled.status == "True" then
  return {status = "Degraded", message = found.Stalled.message}
end
local summary = found.ProtectedDisk
if summary == nil then
  return health
end
if summary.status == "True" then
  return {status = "ProtectedDisk", message = summary.message}
end
return {status = "Progressing", message = summary.message}
