# Lists of what there is to do, each for several people who see each other's changes at once.

require "json"
require "securerandom"
require "sinatra"
require_relative "store"
require "rootsd/endpoint"

STORE = Store.new(File.join(__dir__, "todo.db"))
ROOTS = Rootsd::Connector.new

# A user may hear of the lists that are theirs.
PUSH = Rootsd::Endpoint.new(ROOTS) do |request, path|
  STORE.lists(request.session[:user]).any? { |list| path == "lists/#{list["id"]}" }
end

set :server, "webrick"
set :bind, "127.0.0.1"
set :port, ENV.fetch("PORT", 8000).to_i
set :lock, true # the store is for one request at a time
set :sessions, same_site: :lax
set :session_secret, SecureRandom.hex(64) # sessions end with the process
set :protection, except: :json_csrf # it refuses who reads JSON and sends no Referer

# What changes something has to show the session's token. Its pages know it, those of other sites do not.
use Rack::Protection::AuthenticityToken

helpers do
  def user = session[:user]

  def csrf_token = Rack::Protection::AuthenticityToken.token(session)

  def h(text) = Rack::Utils.escape_html(text)

  def list = STORE.lists(user).find { |list| list["id"].to_s == params[:list] } || halt(404)

  # The member of the JSON object that was sent, if it is of the right kind.
  def sent(name, *kinds)
    value = JSON.parse(request.body.read)[name]
    kinds.include?(value.class) ? value : halt(400)
  rescue JSON::ParserError, TypeError
    halt 400
  end
end

before do
  redirect "/login" unless user || request.path_info == "/login"
end

post("/server/*") { PUSH.call(env) }

not_found { erb %(<h1>There is no such page</h1>\n<p><a href="/">Lists</a>\n) }

get("/login") { erb :login }

post "/login" do
  if STORE.knows?(params[:username].to_s, params[:password].to_s)
    session.clear
    session[:user] = params[:username]
    redirect "/"
  end
  status 401
  erb :login
end

post "/logout" do
  session.clear
  redirect "/login"
end

get("/") { erb :index }

get("/lists/:list") { erb :list, locals: { list: list } }

get "/lists/:list/items" do
  content_type :json
  JSON.generate(STORE.items(list["id"]))
end

post "/lists/:list/items" do
  item = STORE.add(list["id"], sent("text", String))
  ROOTS.update("lists/#{list["id"]}", item)
  content_type :json
  status 201
  JSON.generate(item)
end

post "/items/:item" do
  list = STORE.list_with(params[:item], user) || halt(404)
  item = STORE.tick(params[:item], sent("done", TrueClass, FalseClass))
  ROOTS.update("lists/#{list["id"]}", item)
  content_type :json
  JSON.generate(item)
end
