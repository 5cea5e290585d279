# frozen_string_literal: true

require "fileutils"
require "json"
require "minitest"
require "net/http"
require "tmpdir"

# Daemon is the real rootsd, built once, with ports of its own.
class Daemon
  ROOT = File.expand_path("../../..", __dir__)

  # Returns where rootsd is, or skips the test: but not where everything has to be there.
  def self.built(test)
    @folder ||= Dir.mktmpdir("rootsd-").tap { |folder| Minitest.after_run { FileUtils.rm_rf(folder) } }
    binary = File.join(@folder, "rootsd")
    return binary if File.exist?(binary)
    folders = [*ENV["PATH"].split(":"), "/usr/local/go/bin"]
    go = folders.map { |folder| File.join(folder, "go") }.find { |path| File.file?(path) }
    reason = "needs Go, to build rootsd: see https://go.dev/dl/"
    return ENV["CI"] == "true" ? test.flunk(reason) : test.skip(reason) unless go
    system(go, "build", "-o", binary, "./cmd/rootsd", chdir: ROOT, exception: true)
    binary
  end

  attr_reader :push, :ingest

  def initialize(test, *flags)
    listen = %w[--push-listen=127.0.0.1:0 --ingest-listen=127.0.0.1:0 --line-listen= --admin-listen=]
    log, written = IO.pipe
    @pid = Process.spawn(self.class.built(test), "serve", *listen, *flags, err: written)
    written.close
    @log = log
    wait_ready
  end

  def stop
    Process.kill("KILL", @pid)
    Process.wait(@pid)
    @log.close
  end

  # Opens a session, as a browser does, and returns its ID and token.
  def session
    token = JSON.parse(Net::HTTP.get(URI("#{@push}/")))["reconnectWith"]
    [token[%r{\A[^/]+}], token]
  end

  # Returns what waits for a client.
  def updates(token) = JSON.parse(Net::HTTP.get(URI("#{@push}/#{token}")))["updates"]

  private

  def wait_ready
    while (line = @log.gets)
      found = line.match(/msg=listening for=(push|ingest)\.listen url=(\S+)/)
      instance_variable_set("@#{found[1]}", found[2]) if found
      return if line.include?("msg=ready")
    end
    raise "rootsd does not start"
  end
end
