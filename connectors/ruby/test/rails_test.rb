# frozen_string_literal: true

require "kit"
require "open3"

# Rails changes Ruby's own classes, so it has a process to itself: rails_cases.rb.
class RailsTest < Kit
  def test_rails
    said, status = Open3.capture2e({ "RAILS_ENV" => "production" }, "ruby", "-Ilib", "-Itest", "test/rails_cases.rb")
    skip "#{said.lines.first.chomp}: apt-get install ruby-rails ruby-sqlite3" if status.exitstatus == 3
    assert_predicate status, :success?, said
    assert_match(/^\d+ runs, \d+ assertions, 0 failures, 0 errors, 0 skips$/, said)
  end
end
