# frozen_string_literal: true

require "kit"

# One round through a real rootsd; connectors/connectors_test.go has the cases that all languages share.
class DaemonTest < Kit
  def test_a_client_hears_what_it_was_connected_to
    daemon = daemon()
    roots = connector(daemon.ingest)
    id, token = daemon.session
    assert_equal({ "id" => id, "paths" => ["orders/42"] }, roots.connect(id, "/orders/42/"))
    roots.update("orders/42", { state: "shipped" })
    roots.update("orders/43", { state: "shipped" })
    assert_equal [{ "path" => "orders/42", "message" => "" },
                  { "path" => "orders/42", "message" => { "state" => "shipped" } }], daemon.updates(token)
    assert_equal ["orders/42"], roots.clients(id)["connected"].map { |connected| connected["path"] }
    assert_equal ["unknown_id", 404], assert_fails("unknown_id") { roots.kick(ID) }.then { |e| [e.reason, e.status] }
  end
end
