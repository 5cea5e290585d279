# Users, lists and items, in a file of SQLite.

require "openssl"
require "securerandom"
require "sqlite3"

class Store
  SCHEMA = <<~SQL
    CREATE TABLE users (name TEXT PRIMARY KEY, salt TEXT NOT NULL, hash TEXT NOT NULL);
    CREATE TABLE lists (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE members (list INTEGER REFERENCES lists, user TEXT REFERENCES users, PRIMARY KEY (list, user));
    CREATE TABLE items (id INTEGER PRIMARY KEY, list INTEGER NOT NULL REFERENCES lists, text TEXT NOT NULL,
                        done INTEGER NOT NULL DEFAULT 0);
  SQL
  MEMBERS = { "Groceries" => %w[ada grace], "Plans" => %w[mallory] }.freeze

  def initialize(path)
    made = File.exist?(path)
    @db = SQLite3::Database.new(path, results_as_hash: true)
    @db.transaction { make } unless made
  end

  # Whether this is a user, and their password.
  def knows?(name, password)
    user = @db.get_first_row("SELECT salt, hash FROM users WHERE name = ?", [name])
    !user.nil? && OpenSSL.secure_compare(user["hash"], hash(password, user["salt"]))
  end

  # The lists of a user, as {"id", "name"}.
  def lists(user)
    @db.execute("SELECT id, name FROM lists JOIN members ON list = id WHERE user = ?", [user])
  end

  # The list of a user that an item is on, as {"id"}; nil if there is none.
  def list_with(item, user)
    @db.get_first_row("SELECT list AS id FROM items JOIN members USING (list) WHERE id = ? AND user = ?", [item, user])
  end

  # What is on a list, as {"id", "text", "done"}.
  def items(list)
    @db.execute("SELECT id, text, done FROM items WHERE list = ? ORDER BY id", [list]).map { |row| item(row) }
  end

  # Adds an item, and returns it.
  def add(list, text)
    item(@db.get_first_row("INSERT INTO items (list, text) VALUES (?, ?) RETURNING id, text, done", [list, text]))
  end

  # Says whether an item is done, and returns it.
  def tick(id, done)
    item(@db.get_first_row("UPDATE items SET done = ? WHERE id = ? RETURNING id, text, done", [done ? 1 : 0, id]))
  end

  private

  def item(row) = row.merge("done" => row["done"] == 1)

  def hash(password, salt)
    OpenSSL::KDF.scrypt(password, salt: salt, N: 2**14, r: 8, p: 1, length: 32).unpack1("H*")
  end

  def make
    @db.execute_batch(SCHEMA)
    MEMBERS.each.with_index(1) do |(list, users), id|
      @db.execute("INSERT INTO lists VALUES (?, ?)", [id, list])
      users.each do |user|
        salt = SecureRandom.hex
        @db.execute("INSERT INTO users VALUES (?, ?, ?)", [user, salt, hash("#{user}-secret", salt)])
        @db.execute("INSERT INTO members VALUES (?, ?)", [id, user])
      end
    end
  end
end
