# frozen_string_literal: true

require_relative "lib/rootsd"

Gem::Specification.new do |spec|
  spec.name = "rootsd"
  spec.version = Rootsd::VERSION
  spec.summary = "Connector of rootsd, push for web applications: tells it what has happened, and who may hear of it"
  spec.authors = ["The Roots project"]
  spec.homepage = "https://github.com/rootsd/rootsd"
  spec.license = "Apache-2.0"
  spec.required_ruby_version = ">= 3.0"
  spec.files = Dir["lib/**/*.rb", "sig/*.rbs", "README.md"]
end
