# frozen_string_literal: true

require "active_support"
require "active_support/concern"
require "rootsd/endpoint"

module Rootsd
  # Rails has a Connector for the whole application, and a concern for each side: a controller that connects users, and
  # models that say what has changed.
  module Rails
    class << self
      # The Connector. Set it in config/initializers for another than the default, which writes errors to Rails.logger.
      attr_writer :roots

      def roots
        @roots ||= Connector.new(on_error: ->(error) { ::Rails.logger.warn(error.message) })
      end
    end

    # Connecting makes a controller the place where pages ask to hear paths.
    #
    #   class PushController < ApplicationController
    #     include Rootsd::Rails::Connecting
    #
    #     private
    #
    #     def may_hear?(path) = path == "users/#{current_user&.id}"
    #   end
    #
    #   # config/routes.rb
    #   post "/server/connect/:id", to: "push#connect"
    #   post "/server/disconnect/:id", to: "push#disconnect"
    #
    # It wants the token of protect_from_forgery before all else.
    module Connecting
      extend ActiveSupport::Concern

      included do
        protect_from_forgery with: :exception, prepend: true
        rescue_from(ActionController::InvalidAuthenticityToken) { head :forbidden }
      end

      # Connects a client to the paths in the body, if may_hear? is true for all of them.
      def connect = serve_roots("connect")

      # Disconnects it.
      def disconnect = serve_roots("disconnect")

      private

      # Whether who is logged in may hear a path, which has no slashes at its ends and may be a pattern. It is for the
      # controller to say.
      def may_hear?(_path)
        raise NoMethodError, "#{self.class} has to say who may hear what: def may_hear?(path)"
      end

      def serve_roots(verb)
        return head(:method_not_allowed, "Allow" => "POST") unless request.post?
        status, text = Endpoint.serve(Rails.roots, verb, params[:id], request.raw_post) { |path| may_hear?(path) }
        text.empty? ? head(status) : render(plain: text, status: status)
      end
    end

    # Announcing has a model say what has changed, once that is committed.
    #
    #   class Item < ApplicationRecord
    #     include Rootsd::Rails::Announcing
    #     announces path: ->(item) { "lists/#{item.list_id}" }, message: ->(item) { item.slice(:id, :text, :done) }
    #   end
    module Announcing
      extend ActiveSupport::Concern

      class_methods do
        # path and message are called with the record. One that was destroyed says {"deleted": id}.
        def announces(path:, message:)
          after_commit do
            said = destroyed? ? { "deleted" => id } : message.call(self)
            Rails.roots.update(path.call(self), said)
          end
        end
      end
    end
  end
end
