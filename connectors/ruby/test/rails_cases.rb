# frozen_string_literal: true

# The tests of a Rails application; rails_test.rb runs them.
begin
  require "rails"
  require "action_controller/railtie"
  require "active_record"
  require "sqlite3"
rescue LoadError => error
  puts error.message
  exit 3
end
require "kit"
require "logger"
require "rootsd/rails"

LOG = StringIO.new

# The application: users log in at /login/<name>, which answers with the token that proves where a request comes from.
class App < Rails::Application
  config.load_defaults 6.1
  config.eager_load = false
  config.secret_key_base = "s" * 64
  config.logger = Logger.new(LOG)
  config.root = __dir__
  routes.append do
    get "/login/:user", to: "logins#show"
    match "/server/connect/:id", to: "push#connect", via: :all
    post "/server/disconnect/:id", to: "push#disconnect"
    post "/careless/connect/:id", to: "careless#connect"
  end
end

# In an application, controllers are loaded after it is initialised as well.
App.initialize!

class LoginsController < ActionController::Base
  def show
    session[:user] = params[:user]
    render plain: form_authenticity_token
  end
end

class MembersController < ActionController::Base
  before_action { head :unauthorized unless session[:user] }
end

class PushController < MembersController
  include Rootsd::Rails::Connecting

  private

  def may_hear?(path)
    raise "the database is down" if path == "broken"
    session[:user] == "ada" && path == "lists/1" || nil
  end
end

# Says nothing of who may hear what.
class CarelessController < ActionController::Base
  include Rootsd::Rails::Connecting
end

ActiveRecord::Base.establish_connection(adapter: "sqlite3", database: ":memory:")
ActiveRecord::Schema.verbose = false
ActiveRecord::Schema.define do
  create_table(:items) do |table|
    table.integer :list
    table.string :text, :secret
  end
end

class Item < ActiveRecord::Base
  include Rootsd::Rails::Announcing
  announces path: ->(item) { "lists/#{item.list}" }, message: ->(item) { item.slice(:id, :text) }
end

class RailsCases < Kit
  def setup
    super
    LOG.truncate(0)
    Rootsd::Rails.roots = @roots = Rootsd::Connector.new(url: "null:")
    @browser = ActionDispatch::Integration::Session.new(App)
    @browser.host! "localhost"
    @browser.get "/login/ada"
    @token = @browser.response.body
  end

  def ask(paths, token: @token, to: "/server/connect", method: :post, cookies: true)
    headers = { "Content-Type" => "application/json", "X-CSRF-Token" => token }.compact
    body = paths.is_a?(String) ? paths : JSON.generate(paths)
    browser = cookies ? @browser : ActionDispatch::Integration::Session.new(App)
    browser.host! "localhost"
    browser.process(method, "#{to}/#{ID}", params: body, headers: headers)
    browser.response.status
  end

  def test_who_may_hear_it_is_connected
    assert_equal [204, ""], [ask(["/lists/1/"]), @browser.response.body]
    assert_equal 204, ask(["lists/1"], to: "/server/disconnect")
    body = { "id" => ID, "paths" => ["lists/1"] }
    assert_equal [["connect", body], ["disconnect", body]], @roots.sent
  end

  def test_who_may_not_is_not
    [nil, "", "x"].each { |token| assert_equal 403, ask(["lists/1"], token: token), token.inspect }
    assert_equal 403, ask({}, token: nil), "before anything else is looked at"
    assert_equal 403, ask(["lists/1"], cookies: false), "and before who it is"
    assert_equal 403, ask(["lists/1", "lists/2"])
    assert_equal 403, ask(["lists/1", "::connect"])
    @browser.get "/login/mallory"
    @token = @browser.response.body
    assert_equal 403, ask(["lists/1"])
    assert_empty @roots.sent
  end

  def test_a_controller_that_says_nothing_connects_nobody
    assert_equal 500, ask(["lists/1"], to: "/careless/connect")
    assert_includes LOG.string, "CarelessController has to say who may hear what"
    assert_empty @roots.sent
  end

  def test_bodies_and_methods
    bodies = ["", "no json", "{}", "[]", "[1]", JSON.generate(["a"] * 1001)]
    bodies.each { |body| assert_equal 400, ask(body), body[0, 20] }
    assert_equal 413, ask(["a" * 256 * 1024])
    assert_equal [405, "POST"], [ask(["lists/1"], method: :put), @browser.response.headers["Allow"]]
    assert_equal 500, ask(%w[lists/1 broken])
    assert_empty @roots.sent
  end

  def test_when_the_daemon_is_down
    ENV["ROOTS_URL"] = nowhere
    Rootsd::Rails.roots = nil
    assert_equal 502, ask(["lists/1"])
    assert_match(/rootsd: connect: cannot connect to #{ENV["ROOTS_URL"]}/, LOG.string)
  end

  def test_a_rootsd
    daemon = daemon()
    Rootsd::Rails.roots = connector(daemon.ingest)
    id, token = daemon.session
    @browser.post "/server/connect/#{id}", params: '["lists/1"]', headers: { "X-CSRF-Token" => @token }
    assert_equal 204, @browser.response.status
    Item.create!(list: 1, text: "milk")
    heard = daemon.updates(token).map { |update| update["message"] }
    assert_equal ["", { "id" => Item.last.id, "text" => "milk" }], heard
  end

  def test_what_is_committed_is_announced
    item = Item.create!(list: 1, text: "milk", secret: "s")
    item.update!(text: "oat milk")
    item.destroy!
    created, updated = %w[milk oat\ milk].map { |text| { "id" => item.id, "text" => text } }
    assert_equal [created, updated, { "deleted" => item.id }], @roots.sent.map { |_, body| body["message"] }
    assert_equal ["lists/1"], @roots.sent.map { |_, body| body["path"] }.uniq
  end

  def test_what_is_not_committed_is_not_announced
    Item.transaction do
      Item.create!(list: 1, text: "milk")
      assert_empty @roots.sent
      raise ActiveRecord::Rollback
    end
    assert_empty @roots.sent
  end

  def test_records_and_durations
    item = Item.create!(list: 1, text: "milk")
    @roots.update("a", { item: item, at: Time.utc(2026, 11, 21) }, wait: 2.seconds)
    @roots.permit(ID, "a", lease: 1.hour)
    update, permit = @roots.sent.last(2).map(&:last)
    assert_equal [{ "item" => item.as_json, "at" => "2026-11-21T00:00:00.000Z" }, "2000ms", "3600000ms"],
                 [update["message"], update["wait"], permit["for"]]
  end
end
