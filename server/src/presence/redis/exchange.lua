-- What one server says of a document's pages, and what is there then.
-- KEYS: the sorted set of pages by their end, in milliseconds; the hash of what is said of each.
-- ARGV: the server's prefix, the channel, the notice, how many pages are read, and then for each page:
-- its name, here|lingers|gone, for how many milliseconds, the details.
local ends, said = KEYS[1], KEYS[2]
local prefix = ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local is_news = false

local function drop(page)
  redis.call('ZREM', ends, page)
  redis.call('HDEL', said, page)
  is_news = true
end

for _, page in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', now)) do
  drop(page)
end

for i = 5, #ARGV, 4 do
  local page, word, life, details = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3]
  local known = redis.call('HGET', said, page)
  local is_own = known and string.sub(known, 1, #prefix) == prefix
  if word == 'here' or (word == 'lingers' and (is_own or not known)) then
    if known ~= details then
      redis.call('HSET', said, page, details)
      is_news = true
    end
    redis.call('ZADD', ends, now + life, page)
  elseif word == 'gone' and is_own then
    drop(page)
  end
end

local last = redis.call('ZRANGE', ends, -1, -1, 'WITHSCORES')[2]
if last then
  redis.call('PEXPIREAT', ends, math.ceil(tonumber(last)))
  redis.call('PEXPIREAT', said, math.ceil(tonumber(last)))
end
if is_news then
  redis.call('PUBLISH', ARGV[2], ARGV[3])
end

local pages = {}
local found = redis.call('ZREVRANGE', ends, 0, tonumber(ARGV[4]) - 1, 'WITHSCORES')
for i = 1, #found, 2 do
  local details = redis.call('HGET', said, found[i])
  if details then
    pages[#pages + 1] = { found[i], math.floor(tonumber(found[i + 1]) - now), details }
  end
end
return pages
