# frozen_string_literal: true

require "kit"

# How connections are kept, shared and given up.
class ConnectionTest < Kit
  def test_a_connection_is_used_again
    server = stand_in
    roots = connector(server.url)
    5.times { |number| roots.update("a", number) }
    assert_equal [1, 5], [server.connections, server.asked.size]
  end

  def test_one_that_was_dropped_is_noticed_before_it_is_used
    server = stand_in
    roots = connector(server.url)
    3.times do |number|
      roots.update("a", number)
      server.drop
      wait_for { dropped?(roots) }
    end
    assert_equal [[1, 0], [2, 1], [3, 2]], server.asked.map { |asked| [asked.connection, asked.json["message"]] }
  end

  # What the daemon says unasked (that it will close, say) is not the answer to what is asked next.
  def test_a_word_that_nobody_asked_for_is_no_answer
    answered = Queue.new
    server = stand_in do |asked, socket|
      socket.write(StandIn::GOOD)
      socket.write(StandIn.http(408, { "reason" => "slow", "detail" => "too slow" })) if answered.pop
    end
    roots = connector(server.url)
    roots.update("a", 0)
    answered << true << false
    wait_for { dropped?(roots) }
    assert_equal({ "accepted" => 1 }, roots.update("a", 1))
    assert_equal [1, 2], server.asked.map(&:connection)
  end

  def test_nor_is_one_that_comes_together_with_an_answer
    server = stand_in do |asked, socket|
      socket.write(StandIn.http(200, { "accepted" => asked.connection }) + StandIn::GOOD)
    end
    roots = connector(server.url)
    assert_equal [1, 2, 3], (Array.new(3) { |number| roots.update("a", number)["accepted"] })
  end

  def test_an_update_is_not_repeated_when_a_reused_connection_breaks
    server = breaking_server
    roots = connector(server.url)
    roots.update("first", 1)
    assert_fails("interrupted", uncertain: true) { roots.update("a", 2) }
    assert_equal %w[first a], server.asked.map { |asked| asked.json["path"] }
    assert_equal({ "accepted" => 1 }, roots.update("a", 3))
  end

  def test_nor_is_it_by_another_spelling
    server = breaking_server
    roots = connector(server.url)
    roots.update("first", 1)
    assert_fails("interrupted", uncertain: true) { roots.request("update?", { "path" => "a", "message" => 2 }) }
    assert_equal 2, server.asked.size
  end

  def test_what_may_be_repeated_is_repeated_once
    server = breaking_server
    roots = connector(server.url)
    roots.update("first", 1)
    assert_equal({ "accepted" => 1 }, roots.kick(ID))
    assert_equal [1, 1, 2], server.asked.map(&:connection)
  end

  def test_nothing_is_repeated_once_an_answer_has_begun
    server = stand_in do |asked, socket|
      next socket.write(StandIn::GOOD) if asked.line.include?("update")
      socket.write(StandIn::GOOD[0..-5])
      :end
    end
    roots = connector(server.url)
    roots.update("first", 1)
    assert_fails("interrupted", uncertain: true) { roots.kick(ID) }
    assert_equal 2, server.asked.size
  end

  def test_an_answer_that_does_not_come
    server = stand_in { |_, socket| socket.read(1) }
    roots = connector(server.url, timeout: 0.2)
    error = assert_fails("timeout", uncertain: true) { roots.kick(ID) }
    assert_equal "no answer of #{server.url} within 0.2 s; it is not known whether rootsd has done it", error.detail
    assert_equal 1, server.asked.size
  end

  def test_an_answer_that_trickles_has_no_more_time
    ["HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n"].each do |start|
      server = stand_in do |_, socket|
        socket.write(start)
        socket.write(" ") until socket.wait_readable(0.05)
      end
      roots = connector(server.url, timeout: 0.3)
      assert_fails("timeout", uncertain: true) { roots.update("a", 1) }
    end
  end

  def test_an_answer_without_end
    server = stand_in do |_, socket|
      socket.write("HTTP/1.1 200 OK\r\n\r\n")
      loop { socket.write("x" * (1 << 20)) }
    end
    roots = connector(server.url, timeout: 60)
    assert_fails("answer", uncertain: true) { roots.update("a", 1) }
  end

  # Whoever ends a call from outside must not find its answer in the next one.
  def test_a_call_that_is_ended_from_outside_takes_its_connection_along
    left = Queue.new
    server = stand_in do |asked, socket|
      next left << socket.read(1) if asked.json["message"] == "slow"
      socket.write(StandIn.http(200, { "accepted" => asked.connection }))
    end
    roots = connector(server.url)
    assert_raises(Timeout::Error) { Timeout.timeout(0.2) { roots.update("a", "slow") } }
    assert_nil left.pop, "the connection is closed"
    assert_equal({ "accepted" => 2 }, roots.update("a", "fast"))
  end

  def test_threads
    server = stand_in { |asked, socket| socket.write(StandIn.http(200, { "accepted" => asked.json["message"] })) }
    roots = connector(server.url)
    numbers = Array.new(20) { |thread| Array.new(25) { |n| 100 * thread + n } }
    threads = numbers.map { |mine| Thread.new { mine.map { |number| roots.update("a", number)["accepted"] } } }
    assert_equal numbers, threads.map(&:value)
    assert_operator server.connections, :<, 500
  end

  # While twenty ask at once there are as many connections; eight of them stay.
  def test_no_more_than_eight_stay
    together = Queue.new
    server = stand_in do |_, socket|
      together.pop
      socket.write(StandIn::GOOD)
    end
    roots = connector(server.url)
    threads = Array.new(20) { |number| Thread.new { roots.update("a", number) } }
    wait_for { server.asked.size == 20 }
    20.times { together << :go }
    threads.each(&:join)
    assert_equal [20, 8], [server.connections, roots.instance_variable_get(:@idle).size]
    roots.close
    assert_empty roots.instance_variable_get(:@idle)
  end

  def test_a_forked_child_has_connections_of_its_own
    server = stand_in
    roots = connector(server.url)
    roots.update("a", "before")
    pid = fork { child { roots.update("a", "child") } }
    _, status = Process.wait2(pid)
    assert_predicate status, :success?
    roots.update("a", "parent")
    assert_equal [[1, "before"], [2, "child"], [1, "parent"]],
                 server.asked.map { |asked| [asked.connection, asked.json["message"]] }
  end

  # A thread that holds the lock does not go along into the child; the lock is free there all the same.
  def test_a_fork_while_threads_make_calls
    server = stand_in
    roots = connector(server.url)
    going = true
    threads = Array.new(4) { Thread.new { roots.update("a", "thread") while going } }
    5.times do
      _, status = Process.wait2(fork { child { 3.times { roots.update("a", "child") } } })
      assert_predicate status, :success?
    end
    going = false
    threads.each(&:join)
    assert_equal 15, server.asked.count { |asked| asked.json["message"] == "child" }
    said = server.asked.group_by(&:connection).transform_values { |asked| asked.map { |one| one.json["message"] }.uniq }
    assert_empty said.select { |_, by| by.size > 1 }, "a connection was used by two processes"
  end

  private

  # Ends the child without the tests that minitest would run there.
  def child
    yield
    exit!(0)
  rescue StandardError => error
    warn error.full_message
    exit!(1)
  end

  # Breaks the first connection at its second request, without a word.
  def breaking_server
    stand_in do |asked, socket|
      next :end if asked.connection == 1 && !asked.body.include?("first")
      socket.write(StandIn::GOOD)
    end
  end

  def dropped?(roots) = roots.instance_variable_get(:@idle).first.dropped?

  def wait_for
    Timeout.timeout(20) { Thread.pass until yield }
  end
end
