# frozen_string_literal: true

# Makes the calls that it reads from stdin, one JSON object a line, and writes what came of each. The tests in
# connectors/connectors_test.go drive it. The argument is the time-out in seconds.

require_relative "../lib/rootsd"

METHODS = {
  "update" => ->(roots, path:, message:, **options) { roots.update(path, message, **options) },
  "updates" => ->(roots, updates:) { roots.updates(updates) },
  "connect" => ->(roots, id:, paths:, **options) { roots.connect(id, *paths, **options) },
  "permit" => ->(roots, id:, paths:, **options) { roots.permit(id, *paths, **options) },
  "disconnect" => ->(roots, id:, paths:) { roots.disconnect(id, *paths) },
  "forbid" => ->(roots, id:, paths:) { roots.forbid(id, *paths) },
  "join" => ->(roots, id:, rooms:) { roots.join(id, *rooms) },
  "kick" => ->(roots, id:) { roots.kick(id) },
  "clients" => ->(roots, id:) { roots.clients(id) }
}.freeze

# What stands for a value that JSON cannot hold.
def real(args)
  args[:message] == { "$": "nan" } ? args.merge(message: Float::NAN) : args
end

def outcome(roots, call)
  { result: METHODS.fetch(call[:method]).call(roots, **real(call[:args])) }
rescue Rootsd::Error => error
  members = %i[status reason detail entry field uncertain].to_h { |name| [name, error.public_send(name)] }
  { error: { text: error.message }.merge(members) }
end

$stdout.sync = true
roots = Rootsd::Connector.new(timeout: ARGV.fetch(0, 5), raises: true)
$stdin.each_line { |line| puts JSON.generate(outcome(roots, JSON.parse(line, symbolize_names: true))) }
